"""A small set of customers: every kind of line once, and a stranger beside them."""

from dataclasses import dataclass, field
from datetime import date
from functools import cache

from argon2 import PasswordHasher
from sqlalchemy.orm import Session

from app.models import Account, Circle, CircleState, SipServer, Staff, Unique

PASSWORD = "correct horse battery staple"
LIVE_HOST = "sip3.cldpbx.com"
ON_DEMAND_HOST = "sip5.cldpbx.com"


CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
"""Hashes in no time: what a real one costs is for the tests of passwords to say."""


@cache
def password_hash() -> str:
    """One for everybody, cheap to check."""
    return CHEAP.hash(PASSWORD)


@dataclass(slots=True)
class Customers:
    """Ids of what was stored, by the names that the tests use."""

    accounts: dict[str, int] = field(default_factory=dict)
    circles: dict[str, int] = field(default_factory=dict)
    uniques: dict[str, int] = field(default_factory=dict)
    servers: dict[str, int] = field(default_factory=dict)
    staff: int = 0


# name -> (circle, number, type, server, name, incoming phone)
_LINES = {
    "live": ("tokyo", "05010000001", "sip_phone", LIVE_HOST, "受付", "03-1234-5678"),
    "phone": ("tokyo", "05010000002", "smartphone", LIVE_HOST, "ﾀﾅｶ 太郎", "03-1234-5679"),
    "trunk": ("tokyo", "05010000003", "sip_trunk", LIVE_HOST, "外線", ""),
    "trunk2": ("tokyo", "05010000004", "sip_trunk_2", ON_DEMAND_HOST, "本社間", ""),
    "room": ("tokyo", "05010000005", "conference", None, "会議室A", ""),
    "on_demand": ("osaka", "05010000006", "sip_phone", ON_DEMAND_HOST, "大阪受付", "06-1234-5678"),
    "unassigned": ("osaka", "05010000007", "sip_phone", None, "予備", ""),
    "stranger": ("stranger", "05020000001", "sip_phone", LIVE_HOST, "受付", "03-9999-0000"),
}
CIRCLE_NUMBERS = {"tokyo": "100000000001", "osaka": "100000000002", "stranger": "200000000001"}
LINE_NUMBERS = {name: row[1] for name, row in _LINES.items()}


def load(session: Session) -> Customers:
    """Store the set and commit. The account `owner` has two circles, `stranger` one; login IDs are these names."""
    stored = Customers()
    for hostname, live in ((LIVE_HOST, True), (ON_DEMAND_HOST, False)):
        server = SipServer(hostname=hostname, family="kamailio", management_url="http://127.0.0.1:9/RPC", live=live)
        session.add(server)
        session.flush()
        stored.servers[hostname] = server.id
    for name in ("owner", "stranger"):
        account = Account(
            login_id=name, password_hash=password_hash(), email=f"{name}@example.jp", name=f"{name} 株式会社"
        )
        session.add(account)
        session.flush()
        stored.accounts[name] = account.id
    for name, number in CIRCLE_NUMBERS.items():
        stored.circles[name] = _circle(session, stored.accounts["stranger" if name == "stranger" else "owner"], number)
    for name in _LINES:
        stored.uniques[name] = _line(session, stored, name)
    staff = Staff(login_id="staff", password_hash=password_hash(), name="支援 花子")
    session.add(staff)
    session.flush()
    stored.staff = staff.id
    session.commit()
    return stored


def _circle(session: Session, account_id: int, number: str) -> int:
    circle = Circle(
        account_id=account_id,
        number=number,
        password_hash=password_hash(),
        applied_on=date(2014, 6, 17),
        state=CircleState.IN_USE,
    )
    session.add(circle)
    session.flush()
    return circle.id


def _line(session: Session, stored: Customers, key: str) -> int:
    circle, number, kind, hostname, name, phone = _LINES[key]
    row = Unique(
        circle_id=stored.circles[circle],
        number=number,
        type_code=kind,
        server_id=stored.servers[hostname] if hostname else None,
        aor=number,
        password_hash=password_hash(),
        name=name,
        incoming_phone=phone,
    )
    session.add(row)
    session.flush()
    return row.id
