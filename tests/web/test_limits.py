"""Guessing passwords is stopped, and nobody can stop somebody else."""

import pytest
from flask import Flask
from werkzeug.test import TestResponse

from app.auth.attempts import network
from app.models import PrincipalKind
from app.services import Services
from app.store.keys import digest
from app.throttle import LOGIN_ADDRESS, LOGIN_ID
from tests.support.customers import PASSWORD
from tests.support.portal import Portal

ACCOUNT = PrincipalKind.ACCOUNT
pytestmark = pytest.mark.usefixtures("customers")


def at(app: Flask, address: str) -> Portal:
    """A new browser somewhere on the Internet."""
    client = app.test_client()
    assert isinstance(client, Portal)
    client.environ_base["REMOTE_ADDR"] = address
    return client


def fail(client: Portal, times: int, login_id: str = "owner") -> list[int]:
    return [client.login(ACCOUNT, login_id, "guess").status_code for _ in range(times)]


def failed_elsewhere(app: Flask, address: str, times: int) -> None:
    """Failures at other login IDs from an address, each of which would cost the test a tenth of a second."""
    services: Services = app.extensions["services"]
    for _ in range(times):
        services.throttle.hit(LOGIN_ADDRESS, address)


def close(app: Flask, login_id: str) -> None:
    """What very many addresses, each with a few failures, leave behind."""
    services: Services = app.extensions["services"]
    for _ in range(LOGIN_ID.limit.amount):
        services.throttle.hit(LOGIN_ID, f"account:{digest(login_id)}")


def assert_limited(answer: TestResponse) -> None:
    assert answer.status_code == 429
    assert int(answer.headers["Retry-After"]) > 0
    assert "しばらく受け付けられません" in answer.text


def test_one_address_may_fail_a_few_times_at_a_login_id(app: Flask) -> None:
    client = at(app, "203.0.113.7")
    assert fail(client, 7) == [401] * 5 + [429] * 2
    assert_limited(client.login(ACCOUNT, "owner", PASSWORD))
    assert client.login(ACCOUNT, "stranger").status_code == 303


def test_a_login_id_in_another_spelling_is_no_way_around(app: Flask) -> None:
    client = at(app, "203.0.113.7")
    assert fail(client, 5) == [401] * 5
    assert fail(client, 1, " owner\u200b") == [429]


def test_a_stranger_who_fails_fifty_times_locks_nobody_out(app: Flask) -> None:
    fail(at(app, "203.0.113.7"), 50)
    assert at(app, "198.51.100.1").login(ACCOUNT, "owner").status_code == 303


def test_an_address_may_not_try_many_login_ids(app: Flask) -> None:
    failed_elsewhere(app, "203.0.113.7", 28)
    client = at(app, "203.0.113.7")
    answers = [client.login(ACCOUNT, f"somebody-{number}", "guess").status_code for number in range(4)]
    assert answers == [401] * 2 + [429] * 2
    assert at(app, "203.0.113.8").login(ACCOUNT, "owner").status_code == 303


def test_one_who_has_a_whole_network_of_addresses_is_one(app: Flask) -> None:
    answers = [fail(at(app, f"2001:db8:0:7::{number}"), 1)[0] for number in range(1, 7)]
    assert answers == [401] * 5 + [429]
    assert at(app, "2001:db8:0:8::1").login(ACCOUNT, "owner").status_code == 303


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("2001:db8:0:7:1:2:3:4", "2001:db8:0:7::"),
        ("nonsense", "unknown"),
        (None, "unknown"),
    ],
)
def test_whom_an_address_stands_for(address: str | None, counted: str) -> None:
    assert network(address) == counted


def test_a_success_forgives_the_failures_before_it(app: Flask) -> None:
    for _ in range(2):
        client = at(app, "203.0.113.7")
        assert fail(client, 4) == [401] * 4
        assert client.login(ACCOUNT, "owner").status_code == 303


def test_success_at_ones_own_login_is_no_licence_to_guess_others(app: Flask) -> None:
    """An attacker who has a login of his own may not mend the count of his address with it."""
    failed_elsewhere(app, "203.0.113.7", 28)
    assert fail(at(app, "203.0.113.7"), 1, "somebody") == [401]
    assert at(app, "203.0.113.7").login(ACCOUNT, "stranger").status_code == 303
    assert fail(at(app, "203.0.113.7"), 1, "another") == [401]
    assert fail(at(app, "203.0.113.7"), 1, "a third") == [429]


def test_very_many_addresses_close_a_login_id_to_new_browsers_only(app: Flask) -> None:
    known = at(app, "198.51.100.1")
    assert known.login(ACCOUNT, "owner").status_code == 303
    known.delete_cookie("tsunagari")
    close(app, "owner")
    fail(at(app, "198.51.100.1"), 6, "somebody")

    assert_limited(at(app, "198.51.100.9").login(ACCOUNT, "owner"))
    assert known.login(ACCOUNT, "owner").status_code == 303
    assert at(app, "198.51.100.9").login(ACCOUNT, "stranger").status_code == 303


def test_a_known_browser_is_not_locked_out_by_strangers_at_its_own_address(app: Flask) -> None:
    known = at(app, "198.51.100.1")
    assert known.login(ACCOUNT, "owner").status_code == 303
    known.delete_cookie("tsunagari")
    assert fail(at(app, "198.51.100.1"), 6)[-1] == 429
    assert known.login(ACCOUNT, "owner").status_code == 303


def test_a_known_browser_may_not_guess_for_ever_either(app: Flask) -> None:
    known = at(app, "198.51.100.1")
    assert known.login(ACCOUNT, "owner").status_code == 303
    known.delete_cookie("tsunagari")
    assert fail(known, 11) == [401] * 10 + [429]


def test_being_known_at_one_login_is_being_new_at_another(app: Flask) -> None:
    known = at(app, "198.51.100.1")
    assert known.login(ACCOUNT, "stranger").status_code == 303
    known.delete_cookie("tsunagari")
    assert fail(known, 6) == [401] * 5 + [429]


def test_a_forged_proof_of_being_known_is_none(app: Flask) -> None:
    client = at(app, "203.0.113.7")
    client.set_cookie("tsunagari_device", "WyJmb3JnZWQiXQ.aaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbb")
    assert fail(client, 6)[-1] == 429
    client.set_cookie("tsunagari_device", "another")
    assert fail(client, 1) == [429]
