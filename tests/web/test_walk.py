"""Every route as everybody. A route that is not in the table fails the test: decide who may see it."""

import pytest
from flask import Flask
from sqlalchemy.orm import Session

from app.models import PrincipalKind, RequestKind, ServiceRequest
from tests.support.customers import Customers
from tests.support.portal import Portal
from tests.web.given import HX, csrf_of, live_fields, logged_in, plain

PEOPLE = ("account", "circle", "colleague", "unique", "neighbour", "stranger", "staff", "nobody")
LOGIN = 302
"""Nobody is sent to the login page."""


def each(
    account: int, circle: int, colleague: int, unique: int, neighbour: int, stranger: int, staff: int, nobody: int
) -> dict[str, int]:
    return dict(zip(PEOPLE, (account, circle, colleague, unique, neighbour, stranger, staff, nobody), strict=True))


def everybody(logged_in: int, nobody: int) -> dict[str, int]:
    return dict.fromkeys(PEOPLE, logged_in) | {"nobody": nobody}


# The page of the circle `tokyo` and of its line `live`. `circle` is tokyo itself, `colleague` the same account's other
# circle; `unique` is the line itself, `neighbour` another line of the same circle.
OF_THE_CIRCLE = each(200, 200, 404, 404, 404, 404, 200, LOGIN)
OF_THE_LINE = each(200, 200, 404, 200, 404, 404, 200, LOGIN)
OF_STAFF = each(404, 404, 404, 404, 404, 404, 200, LOGIN)
OF_ACCOUNTS = each(200, 404, 404, 404, 404, 200, 404, LOGIN)
EXPECTED: dict[tuple[str, str], dict[str, int]] = {
    ("auth.login", "GET"): everybody(302, 200),
    ("auth.staff_login", "GET"): everybody(302, 200),
    ("auth.log_in", "POST"): everybody(401, 401),
    ("auth.log_out", "POST"): everybody(303, LOGIN),
    ("auth.language", "POST"): everybody(303, 303),
    ("portal.home", "GET"): everybody(302, LOGIN),
    ("portal.circles", "GET"): everybody(200, LOGIN),
    ("portal.uniques", "GET"): OF_THE_CIRCLE,
    ("portal.registration", "GET"): OF_THE_LINE,
    ("portal.unique", "GET"): OF_THE_LINE,
    ("line.edit", "POST"): each(303, 303, 404, 403, 404, 404, 303, LOGIN),
    ("line.settings_code", "GET"): OF_THE_LINE,
    ("device.password", "GET"): OF_THE_LINE,
    ("device.overwrite_password", "POST"): OF_THE_LINE | dict.fromkeys(("account", "circle", "unique", "staff"), 422),
    ("device.generate_password", "POST"): OF_THE_LINE | dict.fromkeys(("circle", "unique", "staff"), 409),
    ("device.state", "GET"): OF_THE_LINE | dict.fromkeys(("account", "circle", "unique", "staff"), 204),
    ("device.password_strength", "POST"): OF_THE_LINE,
    ("portal.circle", "GET"): OF_THE_CIRCLE,
    ("history.line", "GET"): OF_THE_LINE,
    ("history.circle", "GET"): OF_THE_CIRCLE,
    ("requests.listing", "GET"): each(200, 200, 200, 404, 404, 200, 404, LOGIN),
    ("requests.undo", "POST"): each(303, 303, 404, 404, 404, 404, 404, LOGIN),
    ("requests.add_circle", "GET"): OF_ACCOUNTS,
    ("requests.review_addition", "POST"): OF_ACCOUNTS | {"account": 422, "stranger": 422},
    ("requests.request_addition", "POST"): OF_ACCOUNTS | {"account": 422, "stranger": 422},
    ("requests.cancel_circle", "GET"): OF_ACCOUNTS,
    ("requests.review_circle", "GET"): OF_ACCOUNTS | {"stranger": 404},
    ("requests.request_circle", "POST"): OF_ACCOUNTS | {"account": 303, "stranger": 404},
    ("lines.review", "GET"): each(303, 303, 404, 404, 404, 404, 404, LOGIN),
    ("lines.confirm", "POST"): each(303, 303, 404, 404, 404, 404, 404, LOGIN),
    ("search.uniques", "GET"): everybody(200, LOGIN),
    ("search.circles", "GET"): everybody(200, LOGIN),
    ("search.phones", "GET"): everybody(200, LOGIN),
    ("live.page", "GET"): each(204, 404, 404, 404, 404, 404, 404, LOGIN),
    ("live.circles", "GET"): everybody(404, LOGIN),
    ("live.lookup", "POST"): OF_THE_LINE | dict.fromkeys(("account", "circle", "unique", "staff"), 303),
    ("live.sign", "GET"): OF_THE_LINE | dict.fromkeys(("account", "circle", "unique", "staff"), 204),
    ("support.search", "GET"): OF_STAFF,
    ("support.reload", "POST"): OF_STAFF | {"staff": 303},
    ("support.reloaded", "GET"): OF_STAFF,
    ("account.index", "GET"): everybody(200, LOGIN),
    ("account.password", "POST"): everybody(422, LOGIN),
    ("account.email", "POST"): each(422, 422, 422, 404, 404, 422, 404, LOGIN),
    ("account.end_session", "POST"): everybody(404, LOGIN),
    ("account.end_sessions", "POST"): everybody(303, LOGIN),
    ("links.remind", "POST"): everybody(422, 422),
    ("links.password", "GET"): everybody(410, 410),
    ("links.set_password", "POST"): everybody(410, 410),
    ("links.email", "GET"): everybody(410, 410),
    ("links.confirm_email", "POST"): everybody(410, 410),
    ("audit.customers", "GET"): OF_STAFF,
    ("audit.of_nobody", "GET"): OF_STAFF,
    ("audit.entries", "GET"): OF_STAFF,
    ("health.healthz", "GET"): everybody(200, 200),
    ("static", "GET"): everybody(200, 200),
}
AS_A_FRAGMENT = {
    ("live.lookup", "POST"): OF_THE_LINE,
    ("support.reload", "POST"): OF_STAFF,
}


@pytest.fixture
def people(app: Flask, customers: Customers, session: Session) -> dict[str, Portal]:
    lines, circles, accounts = customers.uniques, customers.circles, customers.accounts
    session.add(
        ServiceRequest(
            id=1,
            account_id=accounts["owner"],
            kind=RequestKind.CANCEL_UNIQUE,
            circle_id=circles["tokyo"],
            unique_id=lines["live"],
        )
    )
    session.commit()
    known = {
        "account": (PrincipalKind.ACCOUNT, accounts["owner"]),
        "circle": (PrincipalKind.CIRCLE, circles["tokyo"]),
        "colleague": (PrincipalKind.CIRCLE, circles["osaka"]),
        "unique": (PrincipalKind.UNIQUE, lines["live"]),
        "neighbour": (PrincipalKind.UNIQUE, lines["phone"]),
        "stranger": (PrincipalKind.ACCOUNT, accounts["stranger"]),
        "staff": (PrincipalKind.STAFF, customers.staff),
    }
    nobody = app.test_client()
    assert isinstance(nobody, Portal)
    found = {name: logged_in(app, *who) for name, who in known.items()} | {"nobody": nobody}
    for number, client in enumerate(found.values(), 1):
        client.environ_base["REMOTE_ADDR"] = f"192.0.2.{number}"
    return found


def routes(app: Flask) -> set[tuple[str, str]]:
    return {
        (rule.endpoint, method)
        for rule in app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}
    }


def address(app: Flask, endpoint: str, unique_id: int, circle_id: int, request_id: int = 1) -> str:
    given: dict[str, object] = {
        "unique_id": unique_id,
        "circle_id": circle_id,
        "request_id": request_id,
        "kind": "account",
        "language": "ja",
        "filename": "style.css",
        "key": "of nobody's session",
        "secret": "of no link",
        "account_id": 1,
    }
    rule = next(app.url_map.iter_rules(endpoint))
    built = rule.build({name: given[name] for name in rule.arguments})
    assert built
    return built[1]


def walk(
    app: Flask, people: dict[str, Portal], customers: Customers, route: tuple[str, str], headers: dict[str, str]
) -> dict[str, int]:
    """What each of the people gets."""
    endpoint, method = route
    circle = customers.circles["tokyo"]
    path = address(app, endpoint, customers.uniques["live"], circle)
    page = live_fields(people["account"].get(f"/circles/{circle}").text)
    seen = {}
    for name, client in people.items():
        where = {"data": {"csrf_token": csrf_of(client)}} if method == "POST" else {"query_string": page}
        with client.open(path, method=method, headers=headers, **where) as answer:
            seen[name] = answer.status_code
    return seen


def test_the_table_holds_every_route_and_no_other(app: Flask) -> None:
    assert routes(app) == EXPECTED.keys()


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
def test_who_may_go_where(app: Flask, people: dict[str, Portal], customers: Customers, route: tuple[str, str]) -> None:
    assert walk(app, people, customers, route, {}) == EXPECTED[route]


@pytest.mark.parametrize("route", EXPECTED, ids=" ".join)
def test_who_may_go_where_as_a_fragment(
    app: Flask, people: dict[str, Portal], customers: Customers, route: tuple[str, str]
) -> None:
    """As htmx asks: nobody gets a redirect that would put the login page into a cell."""
    expected = AS_A_FRAGMENT.get(route, EXPECTED[route])
    if expected["nobody"] == LOGIN:
        expected = expected | {"nobody": 401}
    assert walk(app, people, customers, route, HX) == expected


@pytest.mark.parametrize("route", sorted(key for key, row in EXPECTED.items() if 404 in row.values()), ids=" ".join)
def test_somebody_elses_is_like_what_does_not_exist(
    app: Flask, people: dict[str, Portal], customers: Customers, route: tuple[str, str]
) -> None:
    endpoint, method = route
    theirs = address(app, endpoint, customers.uniques["live"], customers.circles["tokyo"])
    nowhere = address(app, endpoint, 2**31 - 1, 2**31 - 1, 2**31 - 1)
    for name, expected in EXPECTED[route].items():
        if expected == 404:
            data = {"csrf_token": csrf_of(people[name])} if method == "POST" else {}
            answers = [people[name].open(path, method=method, data=data) for path in (theirs, nowhere)]
            assert [answer.status_code for answer in answers] == [404, 404]
            assert plain(answers[0]).replace(theirs, nowhere) == plain(answers[1])


@pytest.mark.usefixtures("any_database")
def test_an_id_that_can_not_be(owner: Portal) -> None:
    for path in ("/circles/{}", "/uniques/{}/registration", "/live/uniques/{}/sign"):
        for number in (0, 2**31 - 1, 2**31, 2**63, 10**30, -1):
            assert owner.get(path.format(number)).status_code == 404


def test_each_list_holds_its_owners_rows_only(people: dict[str, Portal]) -> None:
    numbers = {
        name: [
            n
            for n in ("100000000001", "100000000002", "200000000001")
            if n in people[name].get("/circles").text.split("<main")[1]
        ]
        for name in PEOPLE[:-1]
    }
    assert numbers == {
        "account": ["100000000001", "100000000002"],
        "circle": ["100000000001"],
        "colleague": ["100000000002"],
        "unique": [],
        "neighbour": [],
        "stranger": ["200000000001"],
        "staff": ["100000000001", "100000000002", "200000000001"],
    }


def test_nobody_comes_back_to_where_they_wanted_to_go(people: dict[str, Portal], customers: Customers) -> None:
    path = f"/circles/{customers.circles['tokyo']}"
    assert people["nobody"].get(path, query_string={"page": "2"}).location == f"/login?next={path}?page%3D2"
    assert people["nobody"].get("/support/").location == "/staff/login?next=/support/"
