"""What our tsunagari.cfg keeps in Kamailio's htables, and the messages that it sends. Pure."""

import re
from datetime import datetime

from app.domain.registration import AuthFailure, Contact, FailureReason
from app.domain.text import clean
from workers.sip.base import LineChanged
from workers.sip.kamailio.contact import BrokenError, agent_of, line_key, moment, transport_of, uri_of

_MIRRORED = re.compile(r"(.*?)::((?:sips?|tel):.*)", re.DOTALL | re.IGNORECASE)
_CODE = re.compile(r"-[0-9]+")
_NUMBER = re.compile(r"[0-9]{1,12}")
# Kamailio numbers the ends of auth_check in its own way: OpenSIPS's -1 and -3 mean something else.
_REASONS = {
    "-2": FailureReason.WRONG_PASSWORD,
    "wrong_password": FailureReason.WRONG_PASSWORD,
    "-3": FailureReason.UNKNOWN_USER,
    "unknown_user": FailureReason.UNKNOWN_USER,
    "-8": FailureReason.USER_MISMATCH,
    "user_mismatch": FailureReason.USER_MISMATCH,
    "wrong_realm": FailureReason.WRONG_REALM,
    "address_refused": FailureReason.ADDRESS_REFUSED,
    "too_many_contacts": FailureReason.TOO_MANY_CONTACTS,
}
# A nonce that has aged and a first request without credentials are steps of digest authentication.
_STEPS = frozenset(("-4", "stale_nonce", "-5", "no_credentials"))
_CHANGES = frozenset(("registered", "unregistered", "expired"))


def mirrored(name: str) -> tuple[str, str]:
    """AoR and contact URI of an entry of the mirror: ``AoR::contact``. Raises BrokenError."""
    match = _MIRRORED.fullmatch(name)
    if not match:
        raise BrokenError
    return match[1], match[2]


def mirrored_contact(uri: str, value: str) -> Contact:
    """The contact in ``time|seconds|proto:ip:port|domain|user agent``. Raises BrokenError."""
    time, seconds, came, _domain, agent = _fields(value, 5)
    begun = _number(time)
    return Contact(
        uri=uri_of(uri),
        source=_source(came),
        transport=transport_of(uri, came),
        user_agent=agent_of(agent),
        refreshed_at=moment(begun),
        expires_at=moment(begun + _number(seconds)),
    )


def failure_of_user(name: str, value: str, homes: frozenset[str]) -> AuthFailure | None:
    """The failure in ``time|reason|proto:ip:port|user agent`` of user@realm; None for what is none.

    `homes` are the realms, the first of all domains, whose users are named without one. Raises BrokenError.
    """
    time, reason, came, agent = _coded(value, 4)
    return _failure(name, reason, time, came, agent, homes)


def failure_of_stranger(value: str, homes: frozenset[str]) -> AuthFailure | None:
    """The failure in ``time|reason|proto:ip:port|user@domain|agent``; None for what is none. Raises BrokenError."""
    time, reason, came, name, agent = _coded(value, 5)
    return _failure(name, reason, time, came, agent, homes)


def success(value: str) -> datetime:
    """The time in ``time|proto:ip:port``. Raises BrokenError."""
    return moment(_number(value.partition("|")[0]))


def event(message: str, homes: frozenset[str], now: datetime) -> LineChanged | AuthFailure | None:
    """What a message says; None where it says nothing of a line. Raises BrokenError."""
    word, _, told = message.partition("|")
    if word in _CHANGES:
        return LineChanged(_key(told, homes), now)
    return failure_of_stranger(told, homes) if word == "failed" else None


def tick(message: str) -> datetime | None:
    """The server's clock in ``tick|time``, None for another message. Raises BrokenError."""
    word, _, time = message.partition("|")
    return moment(_number(time)) if word == "tick" else None


def _failure(name: str, reason: str, time: str, came: str, agent: str, homes: frozenset[str]) -> AuthFailure | None:
    if reason in _STEPS:
        return None
    return AuthFailure(
        aor=_key(name, homes),
        reason=_REASONS.get(reason, FailureReason.OTHER),
        at=moment(_number(time)),
        source=_source(came),
        user_agent=agent_of(agent),
    )


def _key(name: str, homes: frozenset[str]) -> str:
    user, at, domain = name.rpartition("@")
    return line_key(user if at and domain.lower() in homes else name, "")


def _coded(value: str, count: int) -> list[str]:
    """The fields, without the number of the reason that some configurations write behind its word."""
    fields = _fields(value, count)
    return fields if not _CODE.fullmatch(fields[2]) else [*fields[:2], *_fields(value, count + 1)[3:]]


def _fields(value: str, count: int) -> list[str]:
    """The last one may hold anything, separators too."""
    fields = value.split("|", count - 1)
    if len(fields) != count:
        raise BrokenError
    return fields


def _number(text: str) -> int:
    if not _NUMBER.fullmatch(text):
        raise BrokenError
    return int(text)


def _source(came: str) -> str | None:
    """host:port of ``udp:10.0.0.1:5060``."""
    return clean(came.partition(":")[2]) or None
