"""What the web's tests are given: people who are logged in, and what pulls and look-ups would have stored."""

import re
import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from html.parser import HTMLParser
from typing import cast

from flask import Flask
from redis import Redis
from sqlalchemy import event
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.domain.record import row_of
from app.domain.registration import Contact, Lookup, Registration
from app.domain.standing import Answered
from app.extensions import db
from app.models import LoginSession, PrincipalKind, Unique
from app.store import lookups, servers, snapshots
from app.store.intake import Delta, Intake
from app.store.lease import Lease
from app.store.places import Places, bucket_of
from tests.support.customers import LINE_NUMBERS, LIVE_HOST, ON_DEMAND_HOST, Customers
from tests.support.portal import Portal, forms

INTERVAL = timedelta(seconds=5)
HX = {"HX-Request": "true"}
_LIVE = {LIVE_HOST: ("live", "phone", "stranger"), ON_DEMAND_HOST: ("trunk2",)}


def logged_in(app: Flask, kind: PrincipalKind, principal_id: int, now: datetime | None = None) -> Portal:
    """A browser that logged in a moment ago; the login itself, slow on purpose, has its own tests."""
    began = now or app.extensions["services"].clock()
    row = LoginSession(
        id=secrets.token_urlsafe(32), kind=kind, principal_id=principal_id, expires_at=began + timedelta(hours=12)
    )
    session_id = row.id
    with app.app_context(), Session(db.engine) as session:
        session.add(row)
        session.commit()
    client = cast("Portal", app.test_client())
    with client.session_transaction() as cookie:
        cookie["_user_id"] = session_id
        cookie.permanent = True
    return client


def csrf_of(client: Portal) -> str:
    """A token that the forms of this browser's pages carry."""
    page = client.get("/", follow_redirects=True)
    return next(form.fields["csrf_token"] for form in forms(page.text) if "csrf_token" in form.fields)


def plain(page: TestResponse) -> str:
    """A page without what is new in every answer."""
    return re.sub(r'name="csrf_token" value="[^"]*"', "", page.text)


class _Live(HTMLParser):
    """Collects the fields that belong to the page's poller."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: list[tuple[str, str]] = []
        self._inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._inside = values.get("id") == "live"
        elif tag == "input" and (self._inside or values.get("form") == "live"):
            self.fields.append((values["name"], values["value"]))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._inside = False


def live_fields(*html: str) -> list[tuple[str, str]]:
    """What the poller of a page sends back."""
    parser = _Live()
    for text in html:
        parser.feed(text)
    return parser.fields


def poll(client: Portal, fields: list[tuple[str, str]]) -> TestResponse:
    """One poll, as the browser sends it."""
    return client.get("/live/page", query_string=fields, headers=HX)


def partials(answer: TestResponse) -> dict[str, str]:
    """What a changed poll puts where: its targets and their contents."""
    found = re.findall(r'<hx-partial hx-target="(#\w+)" hx-swap="\w+">(.*?)</hx-partial>', answer.text, re.DOTALL)
    assert len(found) == answer.text.count("<hx-partial")
    return dict(found)


def cell(page: TestResponse, unique_id: int) -> str:
    """The status cell of one line in a list, as it stands between its `<td>` and `</td>`."""
    found = re.search(rf'<td>(<span class="cell" id="c{unique_id}">.*?)</td>', page.text, re.DOTALL)
    assert found, f"no cell of {unique_id}"
    return found[1]


def kind_of(cell: str) -> str:
    """The class of the sign in a cell."""
    found = re.search(r'class="sign ([\w-]+)"', cell)
    assert found, cell
    return found[1]


def contact(number: str = "05010000001", **changes: object) -> Contact:
    """A binding of an ordinary phone."""
    values: dict[str, object] = {
        "uri": f"sip:{number}@192.0.2.10:5060",
        "source": "192.0.2.10:5060",
        "transport": "udp",
        "user_agent": "Yealink SIP-T46S 66.86.0.15",
    }
    return Contact(**(values | changes))  # type: ignore[arg-type] # the names are checked by Contact itself


@dataclass(frozen=True, slots=True)
class Registrars:
    """Stores what the workers would after asking the customers' servers."""

    redis: "Redis"
    customers: Customers
    clock: Callable[[], datetime]

    def answered(self, *lines: str, host: str = LIVE_HOST, at: datetime | None = None, **changes: object) -> None:
        """A whole snapshot in which exactly these lines are registered."""
        server_id, now = self.customers.servers[host], at or self.clock()
        registrations = [Registration(LINE_NUMBERS[name], (contact(LINE_NUMBERS[name], **changes),)) for name in lines]
        before = servers.read_one(self.redis, server_id)
        known = before.answered_at.timestamp() if before.answered_at else 0.0
        lease = Lease(self.redis, f"pull-{server_id}", 5)
        assert lease.take()
        intake = Intake(self.redis, server_id, before.stored, Answered(now.timestamp(), known), lease)
        intake.take([row_of(registration) for registration in registrations])
        delta = intake.finish((), explicit=False)
        state = replace(
            before, answered_at=now, tried_at=now, interval=INTERVAL, lines=delta.registered, stored=delta.stored,
            counted=before.generation,
        )  # fmt: skip
        snapshots.publish(self.redis, server_id, delta, state, self._places(delta, lines, host), lease)
        lease.release()

    def _places(self, delta: Delta, lines: tuple[str, ...], host: str) -> Places:
        """The circles, as the workers find them in the database."""
        places = Places(self.redis, self.customers.servers[host])
        places.load(bucket_of(circle) for circle in self.customers.circles.values())
        turned = {self.circle_of(turn.key.decode()) for turn in delta.turned}
        live = Counter(self.circle_of(LINE_NUMBERS[name]) for name in _LIVE[host] if name in lines)
        for circle in self.customers.circles.values():
            if places[circle].registered != live[circle] or circle in turned:
                places.put(circle, live[circle], 0)
        return places

    def circle_of(self, number: str) -> int:
        """The circle of a line, as the workers learn it from the database."""
        name = next(name for name, other in LINE_NUMBERS.items() if other == number)
        circle = {"stranger": "stranger", "on_demand": "osaka", "unassigned": "osaka"}.get(name, "tokyo")
        return self.customers.circles[circle]

    def looked_up(self, line: str, host: str, *contacts: Contact, at: datetime | None = None) -> None:
        """The answer to a look-up of one line."""
        number = LINE_NUMBERS[line]
        found = Lookup(Registration(number, contacts), at or self.clock())
        lookups.answer(self.redis, self.customers.servers[host], found, [self.circle_of(number)])
        lookups.unclaim(self.redis, self.customers.servers[host], number)

    def refused(self, line: str, host: str, problem: str) -> None:
        """A look-up that failed."""
        number = LINE_NUMBERS[line]
        where = (self.customers.servers[host], number)
        lookups.fail(self.redis, *where, [self.circle_of(number)], self.clock(), problem)
        lookups.unclaim(self.redis, *where)


@contextmanager
def statements(app: Flask) -> Iterator[list[str]]:
    """The SQL that the portal sends while the block runs."""
    sent: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        sent.append(statement)

    with app.app_context():
        engine = db.engine
    event.listen(engine, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(engine, "before_cursor_execute", note)


def fill(session: Session, customers: Customers, count: int, *, aor: str = "{number}", **values: object) -> list[int]:
    """Put `count` more live lines into the circle tokyo, and return their ids in the order of their numbers."""
    server_id = customers.servers[LIVE_HOST]
    numbers = [f"0503{index:07}" for index in range(count)]
    rows = [
        Unique(
            circle_id=customers.circles["tokyo"],
            type_code="sip_phone",
            server_id=server_id,
            number=number,
            aor=aor.format(number=number),
            **values,
        )
        for number in numbers
    ]
    session.add_all(rows)
    session.commit()
    return [row.id for row in rows]
