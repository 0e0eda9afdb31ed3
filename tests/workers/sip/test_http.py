import base64
import socket
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.serve import Peer, Script, ScriptedServer
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.http import HttpClient

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


def endpoint(port: int, *, scheme: str = "http", host: str = "127.0.0.1", **more: Any) -> Endpoint:
    return Endpoint(f"{scheme}://{host}:{port}/RPC", "sip.example.jp", **more)


def answers(*parts: bytes, close: bool = False) -> Script:
    """Sends the next part for each request of one connection, then hangs or closes."""

    def script(peer: Peer) -> None:
        for part in parts:
            if not peer.request():
                return
            peer.send(part)
        if not close:
            peer.hang()

    return script


def post(where: Endpoint) -> tuple[int, bytes]:
    with HttpClient(where) as http:
        return http.post(b"{}")


def failure(where: Endpoint) -> SipError:
    with pytest.raises(SipError) as raised:
        post(where)
    return raised.value


def problem_of(*scripts: Script, **more: Any) -> Problem:
    with ScriptedServer(*scripts) as server:
        return failure(endpoint(server.port, **more)).problem


class TestAnswers:
    def test_the_whole_body_comes(self) -> None:
        with ScriptedServer(answers(OK)) as server:
            assert post(endpoint(server.port)) == (200, b"hello")

    @pytest.mark.parametrize("status", [404, 500])
    def test_the_body_of_an_error_status_comes(self, status: int) -> None:
        with ScriptedServer(answers(OK.replace(b"200", str(status).encode()))) as server:
            assert post(endpoint(server.port)) == (status, b"hello")

    def test_a_chunked_body_comes(self) -> None:
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"
        with ScriptedServer(answers(chunked)) as server:
            assert post(endpoint(server.port)) == (200, b"hello")

    def test_a_body_without_a_length_ends_with_the_connection(self) -> None:
        with ScriptedServer(answers(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)) as server:
            assert post(endpoint(server.port)) == (200, b"hello")

    def test_the_request_names_its_host_path_and_length(self) -> None:
        seen: list[bytes] = []

        def script(peer: Peer) -> None:
            seen.append(peer.request())
            peer.send(OK)

        with ScriptedServer(script) as server:
            post(endpoint(server.port, user="portal", password="geheim"))
            head, body = seen[0].split(b"\r\n\r\n")
            assert head.startswith(b"POST /RPC HTTP/1.1\r\n")
            assert b"Content-Length: 2" in head
            assert b"Authorization: Basic " + base64.b64encode(b"portal:geheim") in head
            assert body == b"{}"

    def test_a_body_that_is_not_wanted_stays_unread_and_the_connection_is_dropped(self) -> None:
        endless = b"HTTP/1.1 405 No\r\nContent-Length: 99999\r\n\r\nx"
        with ScriptedServer(answers(endless), answers(OK)) as server, HttpClient(endpoint(server.port)) as http:
            assert http.post(b"{}") == (405, b"")
            assert http.post(b"{}") == (200, b"hello")
            assert server.accepted == 2

    def test_a_redirect_is_not_followed(self) -> None:
        with ScriptedServer(answers(b"HTTP/1.1 302 Go\r\nLocation: http://127.0.0.1:1/\r\n\r\n")) as server:
            assert post(endpoint(server.port)) == (302, b"")
            assert server.accepted == 1

    def test_proxies_of_the_environment_are_not_used(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
        with ScriptedServer(answers(OK)) as server:
            assert post(endpoint(server.port)) == (200, b"hello")


class TestKeptConnection:
    def test_one_connection_serves_many_calls(self) -> None:
        with ScriptedServer(answers(OK, OK, OK)) as server, HttpClient(endpoint(server.port)) as http:
            assert [http.post(b"{}") for _ in range(3)] == [(200, b"hello")] * 3
            assert server.accepted == 1

    def test_one_that_was_closed_meanwhile_is_made_anew(self) -> None:
        with (
            ScriptedServer(answers(OK, close=True), answers(OK)) as server,
            HttpClient(endpoint(server.port)) as http,
        ):
            assert http.post(b"{}") == (200, b"hello")
            assert http.post(b"{}") == (200, b"hello")
            assert server.accepted == 2

    def test_one_that_answers_in_part_is_not_asked_again(self) -> None:
        with (
            ScriptedServer(answers(OK, OK[:20], close=True), answers(OK)) as server,
            HttpClient(endpoint(server.port)) as http,
        ):
            http.post(b"{}")
            with pytest.raises(SipError) as raised:
                http.post(b"{}")
            assert raised.value.problem in {Problem.TRUNCATED, Problem.GARBAGE}
            assert server.accepted == 1

    def test_one_that_hangs_is_not_asked_again(self) -> None:
        with ScriptedServer(answers(OK)) as server, HttpClient(endpoint(server.port, timeout=0.3)) as http:
            http.post(b"{}")
            with pytest.raises(SipError) as raised:
                http.post(b"{}")
            assert raised.value.problem is Problem.TIMEOUT
            assert server.accepted == 1


def hangs(peer: Peer) -> None:
    peer.request()
    peer.hang()


def drips(data: bytes) -> Script:
    def script(peer: Peer) -> None:
        peer.request()
        peer.drip(data, 0.05)

    return script


def lasts_at_most(seconds: float, action: Callable[[], Problem]) -> Problem:
    start = time.monotonic()
    problem = action()
    assert time.monotonic() - start < seconds
    return problem


class TestDeadline:
    @pytest.mark.parametrize(
        "script",
        [
            pytest.param(hangs, id="silence"),
            pytest.param(drips(b"HTTP/1.1 200 OK\r\n" + b"X-A: " + b"a" * 900), id="dripping head"),
            pytest.param(drips(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"a" * 900), id="dripping body"),
            pytest.param(
                drips(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 300),
                id="dripping chunks",
            ),
        ],
    )
    def test_the_whole_exchange_ends_in_time(self, script: Script) -> None:
        problem = lasts_at_most(2.0, lambda: problem_of(script, timeout=0.4))
        assert problem is Problem.TIMEOUT

    def test_a_tls_handshake_ends_in_time(self) -> None:
        problem = lasts_at_most(2.0, lambda: problem_of(Peer.hang, scheme="https", timeout=0.4))
        assert problem is Problem.TIMEOUT


class TestMishaps:
    def test_refused(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        assert failure(endpoint(port)).problem is Problem.REFUSED

    def test_a_name_that_does_not_exist(self) -> None:
        assert failure(endpoint(80, host="nowhere.invalid", timeout=20.0)).problem is Problem.NO_ROUTE

    def test_a_name_that_cannot_exist(self) -> None:
        assert failure(endpoint(80, host="a" * 80 + ".example")).problem is Problem.NO_ROUTE

    @pytest.mark.parametrize("status", [b"401", b"403"])
    def test_credentials(self, status: bytes) -> None:
        with ScriptedServer(answers(OK.replace(b"200", status))) as server:
            raised = failure(endpoint(server.port, user="portal", password="geheim"))
        assert raised.problem is Problem.CREDENTIALS
        assert raised.permanent
        assert "geheim" not in repr(raised)

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"", id="nothing"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nhello", id="one byte short"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel", id="cut chunk"),
            pytest.param(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", id="no last chunk"),
        ],
    )
    def test_cut_off(self, answer: bytes) -> None:
        assert problem_of(answers(answer, close=True)) is Problem.TRUNCATED

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n\r\n", id="another protocol"),
            pytest.param(b"HTTP/1.1 xyz OK\r\n\r\n", id="no status"),
            pytest.param(b"HTTP/1.1 200 OK\r\nX: " + b"a" * 70000 + b"\r\n\r\n", id="endless header"),
            pytest.param(b"HTTP/1.1 200 OK\r\n" + b"X: 1\r\n" * 200 + b"\r\n", id="too many headers"),
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 5, 6\r\n\r\nhello", id="two lengths"),
        ],
    )
    def test_garbage(self, answer: bytes) -> None:
        assert problem_of(answers(answer)) is Problem.GARBAGE

    @pytest.mark.parametrize(
        "answer",
        [
            pytest.param(b"HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n", id="announced"),
            pytest.param(b"HTTP/1.1 200 OK\r\n\r\n" + b"a" * 300_000, id="without a length"),
            pytest.param(
                b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n" + b"a" * 300_000, id="a negative chunk"
            ),
        ],
    )
    def test_too_large(self, answer: bytes) -> None:
        assert problem_of(answers(answer), size_limit=100_000) is Problem.TOO_LARGE

    @pytest.mark.parametrize("url", ["", "ftp://h/", "http://", "http://[::1/", "//h/RPC", "http://u:geheim@h/RPC"])
    def test_a_url_that_makes_no_sense(self, url: str) -> None:
        with pytest.raises(SipError) as raised:
            HttpClient(Endpoint(url, "sip.example.jp"))
        assert raised.value.problem is Problem.CONFIGURATION
        assert raised.value.permanent
        assert "geheim" not in repr(raised.value)
