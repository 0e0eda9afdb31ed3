import io

import pytest

from tests.support.serve import ScriptedServer
from tests.workers.sip.test_http import answers, endpoint
from workers.sip.base import Problem, SipError
from workers.sip.http import HttpClient


def test_a_body_is_written_there() -> None:
    with ScriptedServer(answers(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwhole")) as server:
        file = io.BytesIO(b"")
        with HttpClient(endpoint(server.port)) as client:
            assert client.post(b"{}", into=file) == (200, b"")
    assert file.getvalue() == b"whole"


def test_the_body_of_an_error_is_not() -> None:
    with ScriptedServer(answers(b"HTTP/1.1 500 No\r\nContent-Length: 5\r\n\r\nfault")) as server:
        file = io.BytesIO()
        with HttpClient(endpoint(server.port)) as client:
            assert client.post(b"{}", into=file) == (500, b"fault")
    assert file.getvalue() == b""


def test_one_that_is_cut_is_not_believed() -> None:
    cut = b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nwhole"
    with ScriptedServer(answers(cut, close=True)) as server, pytest.raises(SipError) as raised:
        HttpClient(endpoint(server.port)).post(b"{}", into=io.BytesIO())
    assert raised.value.problem is Problem.TRUNCATED
