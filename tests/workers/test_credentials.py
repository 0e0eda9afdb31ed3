"""Secrets come from the environment or a file, and never show up in a message."""

from pathlib import Path

import pytest

from app.models import SipServer
from workers.credentials import endpoint_of, options_of, user_and_password
from workers.sip.base import Problem, SipError


def server(**changes: str) -> SipServer:
    given = {"hostname": "sip3.example.jp", "family": "kamailio", "management_url": "http://192.0.2.1/RPC"} | changes
    return SipServer(**({"options": "", "credentials": None} | given))


@pytest.fixture(autouse=True)
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIP3", "portal:pass:word\nsecond line")
    monkeypatch.setenv("SECRETLESS", "no-colon-here")
    monkeypatch.setenv("EMPTY", " \n")


def test_from_the_environment() -> None:
    assert user_and_password("env:SIP3") == ("portal", "pass:word")


def test_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_text("portal:pässword\n# a note\n", encoding="utf-8")
    assert user_and_password(f"file:{path}") == ("portal", "pässword")


@pytest.mark.parametrize("reference", [None, ""])
def test_a_server_that_asks_for_none(reference: str | None) -> None:
    assert user_and_password(reference) == (None, None)


def test_a_password_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ESL", ":ClueCon")
    assert user_and_password("env:ESL") == ("", "ClueCon")


@pytest.mark.parametrize(
    "reference", ["env:NOWHERE", "env:EMPTY", "env:", "env:SECRETLESS", "file:/no/such/file", "file:/", "portal:word"]
)
def test_what_is_missing_is_said_without_the_secret(reference: str) -> None:
    with pytest.raises(SipError) as caught:
        user_and_password(reference)
    assert caught.value.problem is Problem.CONFIGURATION
    assert caught.value.permanent
    assert "colon-here" not in str(caught.value)
    assert "word" not in str(caught.value).replace("password", "")


def test_a_file_that_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "secret"
    path.write_bytes(b"\xff\xfe\xff")
    with pytest.raises(SipError, match="not text"):
        user_and_password(f"file:{path}")


def test_an_endpoint() -> None:
    found = endpoint_of(server(credentials="env:SIP3", options="source=dump  timeout=2.5 size_limit=1000 a=b=c"))
    assert (found.url, found.hostname, found.user) == ("http://192.0.2.1/RPC", "sip3.example.jp", "portal")
    assert (found.timeout, found.size_limit) == (2.5, 1000)
    assert found.options == {"source": "dump", "a": "b=c"}
    assert "pass:word" not in repr(found)


def test_defaults_and_a_cap_for_somebody_who_waits() -> None:
    assert endpoint_of(server()).timeout == 5.0
    assert endpoint_of(server(), at_most=4).timeout == 4
    assert endpoint_of(server(options="timeout=1"), at_most=4).timeout == 1


def test_an_option_may_be_a_reference() -> None:
    assert options_of("subscriber_url=env:SIP3") == {"subscriber_url": "portal:pass:word"}


@pytest.mark.parametrize("text", ["hunter2", "=x", "a=b hunter2"])
def test_an_option_that_is_none_is_not_repeated(text: str) -> None:
    with pytest.raises(SipError) as caught:
        options_of(text)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "0", "-1", "soon", "inf", "nan"])
def test_a_number_that_is_none(value: str) -> None:
    with pytest.raises(SipError, match="timeout must be a number"):
        endpoint_of(server(options=f"timeout={value}"))
