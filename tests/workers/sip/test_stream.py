"""The TCP stream on real sockets: what comes late, cut, too large, refused or over a TLS that cannot be believed."""

import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.replay_stream import Manner, Wire
from tests.support.serve import Peer, ScriptedServer
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.stream import Deadline, Stream, open_endpoint

END = b"\r\n\r\n"


def plain(port: int, seconds: float = 5.0, size_limit: int = 1 << 30) -> Stream:
    return Stream.open("127.0.0.1", port, tls=None, deadline=Deadline(seconds), size_limit=size_limit)


def writing(data: bytes, manner: Manner | None = None) -> Callable[[Peer], None]:
    return lambda peer: Wire(peer, manner or Manner()).write(data)


def problem_of(action: Callable[[], object]) -> SipError:
    with pytest.raises(SipError) as caught:
        action()
    return caught.value


@pytest.mark.parametrize("piece", [1, 2, 3, 5, 1 << 20])
def test_pieces_are_put_together(piece: int) -> None:
    script = writing(b"one\r\n\r\n\r\n\r\ntwo\r\n\r\n12345678", Manner(piece))
    with ScriptedServer(script) as server, plain(server.port) as stream:
        assert [stream.read_until(END, 100) for _ in range(3)] == [b"one", b"", b"two"]
        assert stream.read_exactly(3) == b"123"
        assert stream.read_exactly(0) == b""
        assert stream.read_exactly(5) == b"45678"
        assert stream.pending == 0


def test_what_is_sent_arrives() -> None:
    heard: list[bytes] = []

    def echo(peer: Peer) -> None:
        wire = Wire(peer, Manner())
        heard.append(wire.read_until(END))
        wire.write(heard[0].upper() + END)

    with ScriptedServer(echo) as server, plain(server.port) as stream:
        stream.send(b"ping" + END)
        assert stream.read_until(END, 10) == b"PING"
    assert heard == [b"ping"]


def test_a_peer_that_closes_in_the_middle() -> None:
    with ScriptedServer(writing(b"one\r\n\r\ntwo", Manner(cut=8))) as server, plain(server.port) as stream:
        assert stream.read_until(END, 100) == b"one"
        assert problem_of(lambda: stream.read_until(END, 100)).problem is Problem.TRUNCATED
        assert problem_of(lambda: stream.read_exactly(9)).problem is Problem.TRUNCATED


def test_a_reset_is_a_truncation() -> None:
    def reset(peer: Peer) -> None:
        # Only once the connection stands on both sides: before that it is the connecting that fails.
        peer.sock.recv(1)
        peer.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")

    with ScriptedServer(reset) as server, plain(server.port) as stream:
        stream.send(b"?")
        assert problem_of(lambda: stream.read_exactly(1)).problem is Problem.TRUNCATED


def test_silence_ends_at_the_deadline_and_loses_nothing() -> None:
    go_on = threading.Event()

    def pausing(peer: Peer) -> None:
        peer.send(b"on")
        go_on.wait(10)
        peer.send(b"e\r\n\r\n")

    with ScriptedServer(pausing) as server, plain(server.port, seconds=0.1) as stream:
        assert problem_of(lambda: stream.read_until(END, 100)).problem is Problem.TIMEOUT
        assert problem_of(lambda: stream.read_until(END, 100)).problem is Problem.TIMEOUT
        go_on.set()
        stream.begin(Deadline(5), 100)
        assert stream.read_until(END, 100) == b"one"


def test_a_dripping_server_does_not_outlive_the_deadline() -> None:
    with ScriptedServer(lambda peer: peer.drip(b"x" * 1000, 0.02)) as server, plain(server.port, 0.3) as stream:
        start = time.monotonic()
        assert problem_of(lambda: stream.read_until(END, 2000)).problem is Problem.TIMEOUT
        assert 0.2 < time.monotonic() - start < 2


def test_a_server_that_does_not_read() -> None:
    with ScriptedServer(lambda peer: peer.hang()) as server, plain(server.port, 0.2) as stream:
        assert problem_of(lambda: stream.send(b"x" * 50_000_000)).problem is Problem.TIMEOUT


def test_a_record_may_be_as_large_as_its_limit_and_no_larger() -> None:
    with ScriptedServer(writing(b"12345" + END + b"123456" + END)) as server, plain(server.port) as stream:
        assert stream.read_until(END, 5) == b"12345"
        assert problem_of(lambda: stream.read_until(END, 5)).problem is Problem.TOO_LARGE


def test_a_record_without_an_end_is_too_large_before_all_of_it_came() -> None:
    with ScriptedServer(writing(b"x" * 3_000_000, Manner(stall=2_000_000))) as server, plain(server.port) as stream:
        assert problem_of(lambda: stream.read_until(END, 1_000_000)).problem is Problem.TOO_LARGE


def test_an_answer_has_a_size_limit() -> None:
    with ScriptedServer(writing((b"x" * 100 + END) * 1000)) as server, plain(server.port, size_limit=5000) as stream:
        assert problem_of(lambda: [stream.read_until(END, 200) for _ in range(1000)]).problem is Problem.TOO_LARGE


def test_an_announced_size_is_refused_before_it_is_read() -> None:
    with ScriptedServer(writing(b"x")) as server, plain(server.port, size_limit=1000) as stream:
        assert problem_of(lambda: stream.read_exactly(1001)).problem is Problem.TOO_LARGE


def test_nobody_listens() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    assert problem_of(lambda: plain(port)).problem is Problem.REFUSED


def test_a_name_that_is_none() -> None:
    error = problem_of(lambda: Stream.open("no-such-host.invalid", 1, tls=None, deadline=Deadline(5)))
    assert error.problem is Problem.NO_ROUTE
    assert problem_of(lambda: Stream.open("a" * 300, 1, tls=None, deadline=Deadline(5))).problem is Problem.NO_ROUTE


def test_a_queue_that_is_full_is_a_timeout() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        port = listener.getsockname()[1]
        with plain(port):
            waiting = [socket.socket() for _ in range(4)]
            try:
                for sock in waiting:
                    sock.setblocking(False)
                    sock.connect_ex(("127.0.0.1", port))
                assert problem_of(lambda: plain(port, 0.3)).problem is Problem.TIMEOUT
            finally:
                for sock in waiting:
                    sock.close()


def test_a_deadline_that_has_passed() -> None:
    clock = iter((10.0, 12.9, 13.0))
    deadline = Deadline(3, clock=lambda: next(clock))
    assert deadline.left() == pytest.approx(0.1)
    assert problem_of(deadline.left).problem is Problem.TIMEOUT


def test_closing_twice_is_once() -> None:
    with ScriptedServer(writing(b"x")) as server:
        stream = plain(server.port)
        stream.close()
        stream.close()
        assert problem_of(lambda: stream.send(b"x")).problem is Problem.TRUNCATED


def test_a_hundred_megabytes_take_seconds() -> None:
    record = b"x" * 500 + END
    count = 200_000
    with ScriptedServer(writing(record * count, Manner(1 << 20))) as server, plain(server.port, 30) as stream:
        start = time.monotonic()
        for _ in range(count):
            assert len(stream.read_until(END, 1000)) == 500
        assert time.monotonic() - start < 10
    with ScriptedServer(writing(record * count, Manner(1 << 20))) as server, plain(server.port, 30) as stream:
        start = time.monotonic()
        assert len(stream.read_exactly(len(record) * count)) == len(record) * count
        assert time.monotonic() - start < 10


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "cert.pem", certificate / "key.pem")
    return context


def over_tls(port: int, ca_file: Path | None, host: str = "localhost") -> Stream:
    options = {"ca_file": str(ca_file)} if ca_file else {}
    endpoint = Endpoint(f"tls://{host}:{port}", "pbx.example.com", options=options)
    return open_endpoint(endpoint, {"tcp": 1, "tls": 2}, Deadline(5))


def test_over_tls(certificate: Path, server_tls: ssl.SSLContext) -> None:
    script = writing(b"secret" + END + b"cut", Manner(4))
    with ScriptedServer(script, tls=server_tls) as server, over_tls(server.port, certificate / "cert.pem") as stream:
        assert stream.read_until(END, 100) == b"secret"
        assert problem_of(lambda: stream.read_until(END, 100)).problem is Problem.TRUNCATED


def test_a_certificate_of_nobody_we_know(server_tls: ssl.SSLContext) -> None:
    with ScriptedServer(writing(b"x"), tls=server_tls) as server:
        error = problem_of(lambda: over_tls(server.port, None))
    assert error.problem is Problem.TLS
    assert error.permanent


def test_a_certificate_of_another_host(certificate: Path, server_tls: ssl.SSLContext) -> None:
    with ScriptedServer(writing(b"x"), tls=server_tls) as server:
        error = problem_of(lambda: over_tls(server.port, certificate / "cert.pem", "127.0.0.1"))
    assert error.problem is Problem.TLS


def test_no_tls_on_the_port(certificate: Path) -> None:
    with ScriptedServer(writing(b"Asterisk Call Manager/11.0.0\r\n")) as server:
        assert problem_of(lambda: over_tls(server.port, certificate / "cert.pem")).problem is Problem.TLS


@pytest.mark.parametrize("url", ["http://host:1", "tcp://", "tcp://host:x", "tcp://[::1", "host:5038", ""])
def test_an_url_that_names_no_port(url: str) -> None:
    error = problem_of(lambda: open_endpoint(Endpoint(url, "x"), {"tcp": 1}, Deadline(1)))
    assert error.problem is Problem.CONFIGURATION
    assert error.permanent


def test_a_ca_file_that_is_none(tmp_path: Path) -> None:
    empty = tmp_path / "empty.pem"
    empty.write_text("no certificate")
    for path in (empty, tmp_path / "missing.pem"):
        assert problem_of(lambda path=path: over_tls(1, path)).problem is Problem.CONFIGURATION  # type: ignore[misc]  # a lambda's default has no annotation
