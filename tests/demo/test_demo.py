"""The whole demo as a newcomer starts it: up, used, interrupted, started again; and what it says when it cannot."""

import fcntl
import http.cookiejar
import json
import os
import re
import signal
import socket
import stat
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.phones import Behaviour
from demo.servers import SERVERS
from demo.settings import SetupError
from demo.supervise import kamailio_program
from tests.demo.overwriting import assert_needs_the_new_password, assert_overwriting_works, softphone
from tests.support.portal import forms
from tests.support.ports import free_port
from tests.support.process import ROOT, Child, environment, python
from tests.support.sip import Phone
from tests.support.wait import until


class Demo:
    """One demo in a folder of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        self.var = folder / "var"
        self.settings = {"VAR_DIR": str(self.var), "PORT": str(free_port()), "SIP_PORT": str(free_port())}
        self._arguments = arguments
        self._log = folder / "demo.log"
        self.child: Child | None = None

    def start(self) -> dict[str, Any]:
        """Start it, and return what it wrote when it was up."""
        self._log.write_bytes(b"")
        child = Child(python("-m", "demo", *self._arguments), self._log, env=self.settings)
        self.child = child
        until(lambda: child.running and (self.var / "demo.json").exists(), 120, "the demo is up")
        until(lambda: "Ctrl-C ends it" in child.words(), 10, "the demo says so")
        written: dict[str, Any] = json.loads((self.var / "demo.json").read_text(encoding="utf-8"))
        return written

    def interrupt(self) -> None:
        """Ctrl-C; it ends with 0, and so does everything that it started."""
        assert self.child is not None
        child = self.child
        child.send(signal.SIGINT)
        until(lambda: not child.running, 20, "the demo ends")
        assert self.processes() == {}

    def processes(self) -> dict[int, str]:
        """Every process that lives in this demo's environment, by its command line."""
        wanted = f"VAR_DIR={self.var}".encode()
        found = {}
        for folder in Path("/proc").glob("[0-9]*"):
            try:
                if wanted in (folder / "environ").read_bytes().split(b"\0"):
                    found[int(folder.name)] = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # gone, or not ours
        return found

    def end(self) -> None:
        """Leave nothing behind, whatever the test did."""
        if self.child is not None:
            self.child.kill()
        for pid in self.processes():
            os.kill(pid, signal.SIGKILL)


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    one = Demo(tmp_path)
    yield one
    one.end()


def log_in(known: dict[str, Any], kind: str) -> str:
    """The page that a browser sees after the login that was printed."""
    return logged_in(known, kind)[1]


def logged_in(known: dict[str, Any], kind: str) -> tuple[urllib.request.OpenerDirector, str]:
    """A browser after the login that was printed, and the page that it sees."""
    opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))
    page = f"{known['url']}/{'staff/login' if kind == 'staff' else f'login?as={kind}'}"
    with opener.open(page, timeout=10) as answer:
        form = next(form for form in forms(answer.read().decode()) if form.action == f"/login/{kind}")
    login = known["logins"][kind]
    sent = urllib.parse.urlencode(form.fields | {"login_id": login["id"], "password": login["password"]}).encode()
    request = urllib.request.Request(known["url"] + form.action, sent, {"Origin": known["url"], "Referer": page})
    with opener.open(request, timeout=10) as answer:
        assert "login" not in answer.url
        return opener, str(answer.read().decode())


def registered(known: dict[str, Any]) -> set[str]:
    """Who is registered at the live server."""
    question = json.dumps({"jsonrpc": "2.0", "method": "ul.dump", "params": ["brief"], "id": 1}).encode()
    with urllib.request.urlopen(f"http://{known['sip']}/RPC", question, timeout=10) as answer:
        domain = json.loads(answer.read())["result"]["Domains"][0]["Domain"]
    return {entry["AoR"] for entry in domain["AoRs"]}


def test_a_newcomer_starts_it_uses_it_ends_it_and_starts_it_again(demo: Demo) -> None:
    known = demo.start()
    assert set(known) == {"url", "logins", "sip", "softphone"}
    assert known["url"] == f"http://127.0.0.1:{demo.settings['PORT']}"
    assert known["sip"] == f"127.0.0.1:{demo.settings['SIP_PORT']}"
    assert "本社" in log_in(known, "account")
    assert "05000010002" in log_in(known, "circle")
    owner, home = logged_in(known, "unique")
    assert known["logins"]["unique"]["id"] in home
    staff, _ = logged_in(known, "staff")

    plan = json.loads((demo.var / "phones.json").read_text(encoding="utf-8"))
    mine = known["softphone"]
    with softphone(known, mine["password"]) as phone:
        assert mine["user"] not in registered(known)
        assert phone.register() == 200
        assert mine["user"] in registered(known)
        assert phone.unregister() == 200
    here = [phone for phone in plan if phone["server"] == known["sip"]]
    wrong = {phone["user"] for phone in here if phone["behaviour"] == Behaviour.WRONG_PASSWORD}
    assert wrong
    assert not wrong & registered(known)
    for family in TOLD:
        assert_refusal_is_told(demo, staff, known["url"], family)
    assert_overwriting_works(known, owner, home)

    secret = (demo.var / "secret-key").read_text(encoding="ascii")
    assert_private(demo.var)
    demo.interrupt()
    assert not (demo.var / "demo.json").exists()

    again = demo.start()
    assert again == known
    assert (demo.var / "secret-key").read_text(encoding="ascii") == secret
    assert "本社" in log_in(again, "account")
    assert demo.child is not None
    assert mine["password"] not in demo.child.words().partition("Watch a sign")[2]
    assert_needs_the_new_password(again)
    demo.interrupt()


# Asterisk and FreeSWITCH tell it as events only, and FreeSWITCH tells no reason.
TOLD = {
    "kamailio": "認証パスワードが間違っているため",
    "opensips": "認証パスワードが間違っているため",
    "asterisk": "認証パスワードが間違っているため",
    "freeswitch": "サーバーが認証を拒否しました",
}


def assert_refusal_is_told(demo: Demo, staff: urllib.request.OpenerDirector, portal: str, family: str) -> None:
    """A wrong password at the live server of a family shows in the details of the line."""
    server = next(server for server in SERVERS if server.live and server.family == family)
    users = json.loads((demo.var / f"users-{server.hostname}.json").read_text(encoding="utf-8"))
    plan = json.loads((demo.var / "phones.json").read_text(encoding="utf-8"))
    refused = next(phone for phone in plan if phone["behaviour"] == Behaviour.WRONG_PASSWORD and phone["user"] in users)
    user, (host, port) = refused["user"], refused["server"].split(":")
    with staff.open(f"{portal}/support/?q={user}", timeout=10) as answer:
        (details,) = set(re.findall(r"/uniques/\d+/registration", answer.read().decode()))

    with Phone((host, int(port)), user, "a guess", domain=host) as phone:
        assert phone.register() == 401

    def told() -> bool:
        with staff.open(portal + details, timeout=10) as answer:
            page = answer.read().decode()
        return TOLD[family] in page and f"UID: {user}" in page

    until(told, 30, f"the reason of a refusal at {family}")


PRIVATE = ("redis.conf", "phones.json", "demo.json", "users-sip3.cldpbx.com.json", "subscribers-sip3.sqlite3")


def assert_private(var: Path) -> None:
    """Nobody else may look, and no log knows a password."""
    assert stat.S_IMODE(var.stat().st_mode) == 0o700
    for name in ("secret-key", *PRIVATE):
        assert stat.S_IMODE((var / name).stat().st_mode) == 0o600
    passwords = [phone["password"] for phone in json.loads((var / "phones.json").read_text(encoding="utf-8"))]
    for log in (var / "log").glob("*.log"):
        text = log.read_text(encoding="utf-8", errors="replace")
        assert not [password for password in passwords if password in text]


def test_a_process_that_dies_is_named_and_the_others_end(demo: Demo) -> None:
    demo.start()
    child = demo.child
    assert child is not None
    victim = next(pid for pid, command in demo.processes().items() if "demo.phones" in command)
    os.kill(victim, signal.SIGKILL)

    def ended() -> bool:
        try:
            return not child.running
        except AssertionError:
            return True

    until(ended, 20, "the demo ends")
    assert f"demo: phones ended by itself: see {demo.var / 'log' / 'phones.log'}" in child.words()
    assert demo.processes() == {}


def test_with_a_real_kamailio(tmp_path: Path) -> None:
    demo = Demo(tmp_path, "--kamailio")
    try:
        known = demo.start()
        assert any("kamailio.cfg" in command for command in demo.processes().values())
        assert len(registered(known)) > 100
        assert_overwriting_works(known, *logged_in(known, "unique"))
        demo.interrupt()
        assert_needs_the_new_password(demo.start())
        demo.interrupt()
    finally:
        demo.end()


def refusal(folder: Path, *arguments: str, **settings: str) -> str:
    """The one line of a demo that cannot start."""
    defaults = {"VAR_DIR": str(folder / "var"), "PORT": str(free_port()), "SIP_PORT": str(free_port())}
    command = python("-m", "demo", *arguments)
    ended = subprocess.run(
        command, cwd=ROOT, env=environment(defaults | settings), capture_output=True, text=True, check=False, timeout=60
    )
    assert ended.returncode == 1
    assert ended.stderr.count("\n") == 1
    return ended.stderr


def test_a_taken_port_is_named_with_its_variable(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for name in ("PORT", "SIP_PORT"):
            line = refusal(tmp_path, **{name: port})
            assert port in line
            assert f"set {name} to another" in line
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("127.0.0.1", 0))
        assert "udp" in refusal(tmp_path, SIP_PORT=str(taken.getsockname()[1]))


@pytest.mark.parametrize("port", ["0", "65536", "http", "-1", "８０"])
def test_what_is_no_port_is_named(tmp_path: Path, port: str) -> None:
    assert refusal(tmp_path, PORT=port).startswith("demo: PORT must be a port")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    assert "can't be written to" in refusal(tmp_path, VAR_DIR=str(tmp_path / "file" / "var"))


def test_two_demos_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "var").mkdir()
    with (tmp_path / "var" / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "another demo runs" in refusal(tmp_path)


def test_a_missing_kamailio_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("demo.supervise.shutil.which", lambda *_, **__: None)
    with pytest.raises(SetupError, match="not installed"):
        kamailio_program()
