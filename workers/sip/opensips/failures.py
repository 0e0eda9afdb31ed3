"""Failed authentications, as our fragment of opensips.cfg publishes them: by event and in the server's cache."""

from datetime import UTC, datetime

from app.domain.registration import AuthFailure, FailureReason
from app.domain.text import clean
from workers.sip.opensips.contact import line_key

KNOWN_USER = "authfail_"
"""Cache keys of users that exist: authfail_USER@REALM, value TIME|REASON|SOURCE|USER AGENT."""
UNKNOWN_USER = "authscan_"
"""Cache keys of addresses that tried users that do not: authscan_ADDRESS, value TIME|REASON|USER[@REALM]|USER AGENT."""

# OpenSIPS numbers the ends of www_authorize in its own way: Kamailio's -1 and -3 mean something else.
_REASONS = {
    "-1": FailureReason.UNKNOWN_USER,
    "unknown_user": FailureReason.UNKNOWN_USER,
    "-2": FailureReason.WRONG_PASSWORD,
    "wrong_password": FailureReason.WRONG_PASSWORD,
    "-10": FailureReason.USER_MISMATCH,
    "user_mismatch": FailureReason.USER_MISMATCH,
    "wrong_realm": FailureReason.WRONG_REALM,
    "address_refused": FailureReason.ADDRESS_REFUSED,
    "too_many_contacts": FailureReason.TOO_MANY_CONTACTS,
}
# A nonce that has aged and a first request without credentials are steps of digest authentication.
_STEPS = frozenset(("-3", "stale_nonce", "-4", "no_credentials"))
_EMPTY = frozenset(("", "<null>"))


def cached(found: object, home: str) -> list[AuthFailure]:
    """The failures in the result of `cache_fetch_chunk`; an entry that cannot be read is left out."""
    entries = found.get("keys") if isinstance(found, dict) else None
    failures = []
    for entry in entries if isinstance(entries, list) else []:
        name, value = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else (None, None)
        if isinstance(name, str) and isinstance(value, str) and (failure := _entry(name, value, home)):
            failures.append(failure)
    return failures


def _entry(name: str, value: str, home: str) -> AuthFailure | None:
    digits = len(value) - len(value.lstrip("0123456789"))
    separator = value[digits : digits + 1]
    if separator not in {"|", " "}:
        return None
    time, word, third, agent, *_ = (*value.split(separator, 3), "", "")
    if name.startswith(KNOWN_USER):
        aor, source = name.removeprefix(KNOWN_USER), third
    elif name.startswith(UNKNOWN_USER):
        aor, source = third, name.removeprefix(UNKNOWN_USER)
    else:
        return None
    return _failure(aor, word, time, home, source=source, user_agent=agent)


def announced(parameters: dict[str, object], home: str, now: datetime) -> AuthFailure | None:
    """The failure in an E_SIP_AUTH_FAILED event; None for what is none or cannot be read."""
    fields = {name: str(value) for name, value in parameters.items() if isinstance(value, str | int)}
    user, realm, aor = (fields.get(name, "") for name in ("user", "realm", "aor"))
    if user not in _EMPTY and aor.partition("@")[0] != user:
        aor = user if realm in _EMPTY else f"{user}@{realm}"
    word = fields.get("reason", "")
    address, port = fields.get("source_ip", ""), fields.get("source_port", "")
    return _failure(
        aor,
        word if word in _REASONS or word in _STEPS else fields.get("code", word),
        fields.get("time", str(int(now.timestamp()))),
        home,
        source=f"{address}:{port}" if address and port else address,
        user_agent=fields.get("user_agent", ""),
    )


def _failure(aor: str, word: str, time: str, home: str, *, source: str, user_agent: str) -> AuthFailure | None:
    if word in _STEPS:
        return None
    try:
        key = line_key(aor, home)
        at = datetime.fromtimestamp(int(time), UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return AuthFailure(
        aor=key,
        reason=_REASONS.get(word, FailureReason.OTHER),
        at=at,
        source=None if source in _EMPTY else clean(source) or None,
        user_agent=None if user_agent in _EMPTY else clean(user_agent) or None,
    )
