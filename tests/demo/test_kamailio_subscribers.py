"""The table of Kamailio's subscribers."""

from pathlib import Path

from demo.kamailio import write_subscribers


def test_each_writing_is_newer_by_a_whole_second(tmp_path: Path) -> None:
    """Kamailio looks at no more of a file's time, and would not read it again."""
    times = []
    for users in ({"1001": "secret"}, {"1001": "secret", "1002": "secret"}, {}):
        write_subscribers(tmp_path, "sip.example.jp", users)
        times.append(int((tmp_path / "subscriber").stat().st_mtime))
    assert times == sorted(set(times))
    assert (tmp_path / "subscriber").read_text(encoding="utf-8").splitlines() == ["username(string) ha1(string)"]
