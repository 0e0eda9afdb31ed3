import ssl
import subprocess
from pathlib import Path

import pytest

from tests.support.serve import ScriptedServer
from tests.workers.sip.test_http import OK, answers, drips, endpoint, failure, lasts_at_most, problem_of
from workers.sip.base import Problem, SipError
from workers.sip.http import HttpClient


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Key and self-signed certificate for localhost, in one file."""
    folder = tmp_path_factory.mktemp("tls")
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "1"]
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    subprocess.run(["openssl", "req", "-x509", *key, *files, *subject], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_bytes((folder / "key.pem").read_bytes() + (folder / "cert.pem").read_bytes())
    return both


@pytest.fixture
def server_tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


class TestTls:
    def test_a_server_of_the_given_authority(self, certificate: Path, server_tls: ssl.SSLContext) -> None:
        with ScriptedServer(answers(OK, OK), tls=server_tls) as server:
            where = endpoint(server.port, scheme="https", host="localhost", options={"ca_file": str(certificate)})
            with HttpClient(where) as http:
                assert [http.post(b"{}"), http.post(b"{}")] == [(200, b"hello")] * 2
            assert server.accepted == 1

    def test_a_stranger(self, server_tls: ssl.SSLContext) -> None:
        with ScriptedServer(answers(OK), tls=server_tls) as server:
            raised = failure(endpoint(server.port, scheme="https", host="localhost"))
        assert raised.problem is Problem.TLS
        assert raised.permanent

    def test_another_name(self, certificate: Path, server_tls: ssl.SSLContext) -> None:
        with ScriptedServer(answers(OK), tls=server_tls) as server:
            where = endpoint(server.port, scheme="https", options={"ca_file": str(certificate)})
            assert failure(where).problem is Problem.TLS

    def test_a_server_without_tls(self) -> None:
        assert problem_of(lambda peer: peer.send(OK), scheme="https") is Problem.TLS

    def test_a_dripping_body(self, certificate: Path, server_tls: ssl.SSLContext) -> None:
        script = drips(b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + b"a" * 900)
        with ScriptedServer(script, tls=server_tls) as server:
            where = endpoint(
                server.port, scheme="https", host="localhost", timeout=0.4, options={"ca_file": str(certificate)}
            )
            assert lasts_at_most(2.0, lambda: failure(where).problem) is Problem.TIMEOUT

    def test_a_body_that_is_cut(self, certificate: Path, server_tls: ssl.SSLContext) -> None:
        with ScriptedServer(answers(OK[:-1], close=True), tls=server_tls) as server:
            where = endpoint(server.port, scheme="https", host="localhost", options={"ca_file": str(certificate)})
            assert failure(where).problem is Problem.TRUNCATED

    def test_a_ca_file_that_is_not_there(self) -> None:
        with pytest.raises(SipError) as raised:
            HttpClient(endpoint(443, scheme="https", options={"ca_file": "/nonexistent"}))
        assert raised.value.problem is Problem.CONFIGURATION
