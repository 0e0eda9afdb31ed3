"""The registrar end to end: real datagrams, real HTTP."""

import http.client
import json
import socket
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from demo.registrar.sip import Headers, Request, Response, parse, serialise
from tests.demo.messages import REALM, authorized, register
from tests.support.ports import free_port
from tests.support.process import ROOT, Child, python
from tests.support.sip import Phone
from tests.support.wait import until

USERS = {"1001": "right", "1002": "other"}


class Running:
    """A registrar in a process of its own."""

    def __init__(self, folder: Path) -> None:
        users = folder / "users.json"
        users.write_text(json.dumps(USERS), encoding="utf-8")
        self.port = free_port()
        self.child = Child(
            python("-m", "demo.registrar", "--port", str(self.port), "--users", str(users), "--realm", REALM),
            folder / "registrar.log",
        )
        until(lambda: self.child.running and "registrar at" in self.child.words(), 10, "the registrar listens")

    def phone(self, user: str = "1001", password: str | None = None) -> Phone:
        return Phone(("127.0.0.1", self.port), user, password or USERS[user], domain=REALM)

    def call(self, method: str, *params: object) -> tuple[int, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        question = {"jsonrpc": "2.0", "method": method, "params": params, "id": 1}
        connection.request("POST", "/RPC", json.dumps(question), {"Content-Type": "application/json"})
        answer = connection.getresponse()
        body = json.loads(answer.read())
        connection.close()
        return answer.status, body.get("result", body.get("error"))

    def contacts(self, aor: str = "1001") -> list[dict[str, Any]]:
        status, result = self.call("ul.lookup", "location", aor)
        return [entry["Contact"] for entry in result["Contacts"]] if status == 200 else []


@pytest.fixture
def registrar(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path)
    yield running
    assert running.child.stop() == 0


@pytest.fixture
def ask(registrar: Running) -> Iterator[Callable[[bytes], bytes]]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(10)
        sock.connect(("127.0.0.1", registrar.port))

        def exchange(datagram: bytes) -> bytes:
            sock.send(datagram)
            return sock.recv(65_535)

        yield exchange


def response(data: bytes) -> Response:
    parsed = parse(data)
    assert isinstance(parsed, Response)
    return parsed


def test_a_phone_comes_stays_and_goes(registrar: Running) -> None:
    with registrar.phone() as phone:
        assert phone.register(user_agent="電話 ☎".encode(), expires=60) == 200
        (contact,) = registrar.contacts()
        assert contact["Address"] == phone.contact
        assert contact["User-Agent"] == "電話 ☎"
        assert contact["Received"] == f"sip:{phone.source}"
        assert 0 < contact["Expires"] <= 60
        assert phone.unregister() == 200
        assert registrar.contacts() == []
        assert registrar.call("ul.lookup", "location", "1001") == (
            500,
            {"code": 500, "message": "AOR not found in location table"},
        )


def test_two_phones_of_one_line(registrar: Running) -> None:
    with registrar.phone() as one, registrar.phone() as other:
        assert [one.register(), other.register()] == [200, 200]
        assert {contact["Address"] for contact in registrar.contacts()} == {one.contact, other.contact}
        assert registrar.call("stats.get_statistics", "registered_users")[1] == ["usrloc:registered_users = 1"]


def test_a_refusal_is_remembered_without_the_password(registrar: Running) -> None:
    with registrar.phone(password="not it") as phone:
        assert phone.register(user_agent=b"BadPhone/1") == 401
        ((_, (slot,)),) = [(entry["entry"], entry["slot"]) for entry in registrar.call("htable.dump", "authfail")[1]]
    assert slot["name"] == f"1001@{REALM}"
    at, reason, place, user_agent = slot["value"].split("|")
    assert at.isdigit()
    assert (reason, place, user_agent) == ("wrong_password", f"udp:{phone.source}", "BadPhone/1")
    assert registrar.contacts() == []
    words = registrar.child.words()
    assert not any(secret in words for secret in ("not it", "right", "response", "nonce"))


def test_an_unknown_user_is_kept_by_address(registrar: Running) -> None:
    with registrar.phone("mallory", "x") as phone:
        assert phone.register() == 401
    ((entry,),) = [entry["slot"] for entry in registrar.call("htable.dump", "authscan")[1]]
    assert entry["name"] == "127.0.0.1"
    assert f"|mallory@{REALM}|" in entry["value"]


def test_nobody_registers_for_somebody_else(ask: Callable[[bytes], bytes], registrar: Running) -> None:
    request = register("<sip:1001@10.0.0.9>", user="1001")
    refused = ask(serialise(authorized(request, response(ask(serialise(request))), "1002", "other")))
    assert response(refused).status == 401
    assert registrar.contacts() == []


def test_what_is_not_spoken(ask: Callable[[bytes], bytes]) -> None:
    invite = Request("INVITE", "sip:x", Headers((*register().headers.fields[:5], ("CSeq", "1 INVITE"))))
    assert response(ask(serialise(invite))).status == 405
    options = Request("OPTIONS", "sip:x", Headers((*register().headers.fields[:5], ("CSeq", "1 OPTIONS"))))
    assert response(ask(serialise(options))).status == 200


@pytest.mark.parametrize("contact", ["garbage<", "<sip:a@b>;q=7", "*, <sip:a@b>"])
def test_what_cannot_be_read_is_refused(ask: Callable[[bytes], bytes], contact: str) -> None:
    request = register(contact)
    assert (
        response(ask(serialise(authorized(request, response(ask(serialise(request))), "1001", "right")))).status == 400
    )


def test_a_star_needs_zero(ask: Callable[[bytes], bytes], registrar: Running) -> None:
    with registrar.phone() as phone:
        phone.register()
        request = register("*", expires="60")
        challenge = response(ask(serialise(request)))
        assert response(ask(serialise(authorized(request, challenge, "1001", "right")))).status == 400
        assert len(registrar.contacts()) == 1
        request = register("*", expires="0", cseq=2)
        assert response(ask(serialise(authorized(request, challenge, "1001", "right")))).status == 200
        assert registrar.contacts() == []


def test_rubbish_and_keep_alives_are_passed_over(ask: Callable[[bytes], bytes], registrar: Running) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        for rubbish in (
            b"",
            b"\r\n\r\n",
            b"\0" * 4,
            b"SIP/2.0 200 OK\r\n\r\n",
            b"REGISTER sip:x SIP/2.0\r\n\r\n",
            b"x" * 60_000,
        ):
            sock.sendto(rubbish, ("127.0.0.1", registrar.port))
    assert response(ask(serialise(register()))).status == 401


def test_one_connection_asks_again_and_again(registrar: Running) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", registrar.port, timeout=10)
    for identity in range(3):
        body = json.dumps({"jsonrpc": "2.0", "method": "core.version", "id": identity})
        connection.request("POST", "/RPC", body)
        answer = connection.getresponse()
        assert answer.version == 11
        assert [name for name, _ in answer.getheaders()] == ["Sia", "Content-Type", "Server", "Content-Length"]
        assert json.loads(answer.read()) == {
            "jsonrpc": "2.0",
            "result": "kamailio 5.6.3 (x86_64/linux) ",
            "id": identity,
        }
    connection.request("POST", "/nosuch", "{}")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (404, b"no")
    connection.close()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"POST /RPC HTTP/1.1\r\nContent-Length: 70000\r\n\r\n",
        b"POST /RPC HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /RPC HTTP/1.1\r\nContent-Length: x\r\n\r\n",
        b"POST\r\n\r\n",
        b"A: b\r\n" * 4000,
    ],
)
def test_what_is_too_large_or_no_http_ends_the_connection(registrar: Running, request_bytes: bytes) -> None:
    with socket.create_connection(("127.0.0.1", registrar.port), timeout=10) as sock:
        sock.sendall(request_bytes)
        try:
            assert sock.recv(100) == b""
        except ConnectionResetError:
            assert registrar.child.running
    assert registrar.call("core.version")[0] == 200


def test_a_taken_port_and_a_missing_file_are_one_line_each(registrar: Running, tmp_path: Path) -> None:
    for users, port in ((tmp_path / "users.json", registrar.port), (tmp_path / "none.json", 0)):
        command = python("-m", "demo.registrar", "--port", str(port), "--users", str(users))
        ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=30)
        assert ended.returncode == 1
        assert ended.stderr.startswith("demo.registrar: ")
        assert ended.stderr.count("\n") == 1
