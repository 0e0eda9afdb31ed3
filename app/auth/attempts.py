"""Checking a login, with limits that stop guessing and can't be used to lock a customer out.

A stranger who fails at a login ID uses up what his own address may try. Only when very many addresses fail at one login
ID is it closed to browsers that never logged in to it; one that did holds a signed cookie and has a count of its own.
"""

import ipaddress
from dataclasses import dataclass
from enum import Enum, auto

from flask import Response, current_app, request
from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import select

from app.auth.passwords import verify
from app.extensions import db
from app.models import Account, Circle, PrincipalKind, Staff, Unique
from app.services import services
from app.store.keys import digest
from app.throttle import LOGIN_ADDRESS, LOGIN_DEVICE, LOGIN_ID, LOGIN_PAIR, Rule

_COOKIE = "tsunagari_device"
_DAYS_180 = 180 * 24 * 3600
_KNOWN_LOGINS = 8

Count = tuple[Rule, *tuple[str, ...]]
"""A rule and whom it counts."""


class Outcome(Enum):
    """How an attempt ended."""

    OK = auto()
    WRONG = auto()
    LIMITED = auto()


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt's outcome, and who it was when it succeeded."""

    outcome: Outcome
    principal_id: int = 0


def attempt(kind: PrincipalKind, login_id: str, password: str) -> Attempt:
    """Check a login ID and password within the limits."""
    identity, throttle = f"{kind.value}:{digest(login_id)}", services().throttle
    own, shared = _counts(identity)
    # The caller's own count goes first and counts at once, so that many attempts side by side are not one.
    if not throttle.hit(*own) or not all(throttle.allows(*count) for count in shared):
        return Attempt(Outcome.LIMITED)
    principal_id, encoded = _stored(kind, login_id)
    if verify(encoded, password):
        throttle.forgive(*own)
        return Attempt(Outcome.OK, principal_id)
    for count in shared:
        throttle.hit(*count)
    return Attempt(Outcome.WRONG)


def _counts(identity: str) -> tuple[Count, tuple[Count, ...]]:
    """What an attempt counts towards: the caller's own count, and those that it shares with others."""
    if digest(identity) in _known():
        return (LOGIN_DEVICE, identity, digest(request.cookies[_COOKIE])), ()
    address = network(request.remote_addr)
    return (LOGIN_PAIR, identity, address), ((LOGIN_ADDRESS, address), (LOGIN_ID, identity))


def network(address: str | None) -> str:
    """Whom an address stands for when attempts are counted: itself, or the /64 of an IPv6 address."""
    try:
        parsed = ipaddress.ip_address(address or "")
    except ValueError:
        return "unknown"
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((parsed, 64), strict=False).network_address)
    return str(parsed)


def _stored(kind: PrincipalKind, login_id: str) -> tuple[int, str | None]:
    tables = {
        PrincipalKind.ACCOUNT: (Account.id, Account.password_hash, Account.login_id),
        PrincipalKind.CIRCLE: (Circle.id, Circle.password_hash, Circle.number),
        PrincipalKind.UNIQUE: (Unique.id, Unique.password_hash, Unique.number),
        PrincipalKind.STAFF: (Staff.id, Staff.password_hash, Staff.login_id),
    }
    key, encoded, login = tables[kind]
    row = db.session.execute(select(key, encoded).where(login == login_id)).first()
    return (row[0], row[1]) if row else (0, None)


def _serializer() -> URLSafeTimedSerializer:
    return URLSafeTimedSerializer(str(current_app.secret_key), salt="device")


def _known() -> list[str]:
    try:
        known = _serializer().loads(request.cookies.get(_COOKIE, ""), max_age=_DAYS_180)
    except BadSignature:
        return []
    return [str(login) for login in known] if isinstance(known, list) else []


def remember_device(response: Response, kind: PrincipalKind, login_id: str) -> Response:
    """Let this browser keep its own count of attempts at this login ID from now on."""
    login = digest(f"{kind.value}:{digest(login_id)}")
    known = [login, *(other for other in _known() if other != login)][:_KNOWN_LOGINS]
    response.set_cookie(
        _COOKIE,
        _serializer().dumps(known),
        max_age=_DAYS_180,
        secure=bool(current_app.config["SESSION_COOKIE_SECURE"]),
        httponly=True,
        samesite="Lax",
        path="/",
    )
    return response
