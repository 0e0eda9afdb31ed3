"""The embedded registrar's table of hashes: the portal overwrites a password in it, and the phone needs the new one."""

from pathlib import Path

import pytest

from demo.registrar.digest import Authenticator, Nonces, Outcome, answer
from demo.registrar.subscribers import Subscribers, add
from demo.servers import SERVERS
from demo.settings import Settings
from workers.sip.subscriber import SubscriberTable, set_password

REALM, NOW = "sip3.cldpbx.com", 1_795_414_721.0


def outcome(door: Authenticator, user: str, password: str) -> Outcome:
    given = answer(
        door.challenge(NOW, stale=False), user=user, password=password, method="REGISTER", uri="sip:x", cnonce="c"
    )
    assert given is not None
    return door.judge("REGISTER", [given], user, NOW).outcome


def test_what_the_portal_overwrites_is_what_the_phone_needs(tmp_path: Path) -> None:
    path = tmp_path / "subscribers.sqlite3"
    users = {"1001": "first", "1002": "second"}
    add(path, REALM, users)
    assert path.stat().st_mode & 0o777 == 0o600
    door = Authenticator(REALM, users, Nonces(b"k"), Subscribers(path, REALM).ha1)
    assert outcome(door, "1001", "first") is Outcome.OK
    set_password(SubscriberTable(f"sqlite:///{path}"), "1001", "overwritten", home=REALM)
    assert outcome(door, "1001", "first") is Outcome.WRONG_PASSWORD
    assert outcome(door, "1001", "overwritten") is Outcome.OK
    assert outcome(door, "1002", "second") is Outcome.OK
    assert outcome(door, "1003", "first") is Outcome.UNKNOWN_USER


def test_what_was_overwritten_stays_when_users_are_added(tmp_path: Path) -> None:
    path = tmp_path / "subscribers.sqlite3"
    users = {"1001": "first", "1002": "second"}
    add(path, REALM, {"1001": "first"})
    set_password(SubscriberTable(f"sqlite:///{path}"), "1001", "overwritten", home=REALM)
    assert add(path, REALM, users) == {"1001"}
    door = Authenticator(REALM, users, Nonces(b"k"), Subscribers(path, REALM).ha1)
    assert outcome(door, "1001", "overwritten") is Outcome.OK
    assert outcome(door, "1001", "first") is Outcome.WRONG_PASSWORD
    assert outcome(door, "1002", "second") is Outcome.OK


def test_without_the_file_the_passwords_of_the_start_are_good(tmp_path: Path) -> None:
    door = Authenticator(REALM, {"1001": "first"}, Nonces(b"k"), Subscribers(tmp_path / "none", REALM).ha1)
    assert outcome(door, "1001", "first") is Outcome.OK
    assert not (tmp_path / "none").exists()


@pytest.mark.parametrize(
    ("kamailio", "module", "kept"),
    [("0", False, "sip3 sip5 sip6"), ("1", True, "sip3 sip5 sip6"), ("1", False, "sip6")],
)
def test_which_servers_read_the_table(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kamailio: str, module: bool, kept: str
) -> None:
    monkeypatch.setattr("demo.settings.reads_sqlite", lambda: module)
    settings = Settings.from_env({"VAR_DIR": str(tmp_path), "DEMO_KAMAILIO": kamailio})
    assert [server.short for server in SERVERS if settings.subscribers(server)] == kept.split()
