"""The adapter over mi_datagram: several calls in flight, and datagrams that get lost, come twice or out of order."""

import socket
from collections.abc import Iterable
from pathlib import Path

import pytest

from app.domain.registration import Registration
from tests.support.ports import free_port
from tests.support.replay_mi import Book, Losses, MiDatagram, recorded, statistics
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.datagram import WINDOW
from workers.sip.opensips.client import OpensipsAdapter

LINES = [f"100{number}" for number in range(10)]


def adapter(url: str, aors: Iterable[str] = LINES, *, timeout: float = 2.0, **options: str) -> OpensipsAdapter:
    return OpensipsAdapter(Endpoint(url, "flood.test", timeout=timeout, options=options), known_aors=lambda: aors)


def held() -> Book:
    """Lines 1001 and two@odd.test are registered."""
    book = Book.usual()
    book.hold("mi/10-ul_show_contact-found")
    book.hold("contacts/01-two-contacts")
    return book


@pytest.mark.parametrize("kind", ["udp", "unix"])
def test_a_sweep_and_a_look_up(tmp_path: Path, kind: str) -> None:
    with MiDatagram(held(), path=tmp_path / "mi.sock" if kind == "unix" else None) as server:
        opensips = adapter(server.url, [*LINES, "two@odd.test"], socket_dir=str(tmp_path))
        pull = opensips.snapshot()
        assert [(found.aor, len(found.contacts)) for found in pull] == [("1001", 1), ("two@odd.test", 2)]
        assert (pull.report.broken, pull.report.uptime) == (0, 24.0)
        assert len(opensips.lookup("1001").registration.contacts) == 1
        assert opensips.lookup("1002").registration == Registration("1002")
    assert [path.name for path in tmp_path.iterdir()] == (["mi.sock"] if kind == "unix" else [])


@pytest.mark.parametrize(
    "losses",
    [
        Losses(lost=frozenset((2, 4, 5))),
        Losses(twice=frozenset(range(1, 12))),
        Losses(held=frozenset((3, 5, 7))),
        Losses(lost=frozenset((3, 9)), twice=frozenset((4, 6)), held=frozenset((5, 7))),
    ],
)
def test_what_networks_do_to_datagrams(losses: Losses) -> None:
    with MiDatagram(held(), losses=losses) as server:
        pull = adapter(server.url, timeout=0.6).snapshot()
        assert [found.aor for found in pull] == ["1001"]
        assert pull.report.broken == 0


def test_more_lines_than_fit_into_one_window() -> None:
    book = Book.usual()
    aors = [f"u{number}" for number in range(5 * WINDOW + 3)]
    for aor in aors[::2]:
        text = recorded("mi/10-ul_show_contact-found").replace(b"1001@flood.test", f"{aor}@flood.test".encode())
        book.lines[f"{aor}@flood.test"] = text
    with MiDatagram(book) as server:
        assert [found.aor for found in adapter(server.url, aors).snapshot()] == aors[::2]


def test_a_line_too_large_for_a_datagram_costs_itself() -> None:
    with MiDatagram(held()) as server:
        server.too_large = {"1000@flood.test", "1005@flood.test"}
        opensips = adapter(server.url)
        pull = opensips.snapshot()
        assert [found.aor for found in pull] == ["1001"]
        assert (pull.report.broken, pull.report.unread) == (2, ("1000", "1005"))
        with pytest.raises(SipError) as caught:
            opensips.lookup("1005")
    assert caught.value.problem is Problem.GARBAGE


def test_a_dump_too_large_for_a_datagram() -> None:
    book = held()
    book.say("ul_dump", b"\r\n\r\n500 Internal error")
    with MiDatagram(book) as server, pytest.raises(SipError) as caught:
        list(adapter(server.url, source="dump").snapshot())
    assert (caught.value.problem, caught.value.permanent) == (Problem.TOO_LARGE, True)


def test_a_small_dump() -> None:
    book = held()
    book.say("get_statistics", statistics(5))
    book.say("ul_dump", recorded("mi/05-ul_dump-5"))
    with MiDatagram(book) as server:
        assert len(list(adapter(server.url, source="dump").snapshot())) == 5


def test_a_silent_server() -> None:
    with MiDatagram(held(), losses=Losses(silent=True)) as server, pytest.raises(SipError) as caught:
        adapter(server.url, timeout=0.3).lookup("1001")
    assert caught.value.problem is Problem.TIMEOUT
    # It was asked again twice: a datagram may get lost.
    assert server.book.methods() == ["ul_show_contact"] * 3


def test_nobody_listens(tmp_path: Path) -> None:
    for url in (f"udp://127.0.0.1:{free_port()}", f"unix://{tmp_path}/none.sock"):
        with pytest.raises(SipError) as caught:
            adapter(url).lookup("1001")
        assert caught.value.problem is Problem.REFUSED


def test_no_such_host() -> None:
    with pytest.raises(SipError) as caught:
        adapter("udp://no-such-host.invalid:8080").lookup("1001")
    assert caught.value.problem is Problem.NO_ROUTE


def test_a_stranger_cannot_answer() -> None:
    """Only who has seen the question knows its id: a guess is passed over, and so is noise."""
    book = held()
    with MiDatagram(book) as server, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.2", 0))
        genuine = book.reply

        def intrude(call: dict[str, object]) -> bytes:
            client = server.clients[-1]
            guess = recorded("contacts/01-two-contacts").partition(b"\r\n\r\n")[2]
            for noise in (guess.replace(b'"id":1}', b'"id":"guess"}'), guess, b"500 Internal error", b""):
                stranger.sendto(noise, client)
            return genuine(call)

        book.reply = intrude  # type: ignore[method-assign]  # the stranger knows when to strike
        pull = adapter(server.url).snapshot()
        assert [found.aor for found in pull] == ["1001"]
        assert pull.report.broken == 0


def test_check_over_datagrams() -> None:
    with MiDatagram(held()) as server:
        check = adapter(server.url).check()
    assert check.version == "OpenSIPS (3.6.8 (x86_64/linux))"
    assert check.lines == 0
