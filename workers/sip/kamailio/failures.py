"""Failed authentications that our tsunagari.cfg remembers in Kamailio's htables."""

from collections.abc import Iterator
from datetime import datetime

from app.domain.registration import AuthFailure
from workers.sip.kamailio.contact import BrokenError
from workers.sip.kamailio.rpc import Rpc
from workers.sip.kamailio.site import Site
from workers.sip.kamailio.values import failure_of_stranger, failure_of_user, success

STRANGERS = "authscan"
"""The htable of failures whose user name proves nothing; a server may have none."""
SUCCESSES = "authok"
"""The htable of users' last successes; a server may have none."""

Entry = tuple[str, str]


def read(site: Site, since: datetime) -> list[AuthFailure]:
    """The failures at or after `since`, without those that a success of the same user followed.

    Raises SipError: TABLE_MISSING where the server keeps no failures.
    """
    with site.rpc() as rpc:
        told = rpc.call("htable.dump", site.failures)
        of_users = [
            (name, failure)
            for name, value in _entries(told)
            if (failure := _of_user(name, value, site)) and failure.at >= since
        ]
        kept = list(_not_mended(rpc, site, of_users))
        others = [_of_stranger(value, site) for _, value in _entries(rpc.ask("htable.dump", STRANGERS))]
    return kept + [failure for failure in others if failure and failure.at >= since]


def _entries(answer: object) -> Iterator[Entry]:
    """Name and value of each entry in the answer to htable.dump that has both."""
    for slot in answer if isinstance(answer, list) else []:
        held = slot.get("slot") if isinstance(slot, dict) else None
        for entry in held if isinstance(held, list) else []:
            name, value = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else (None, None)
            if isinstance(name, str) and isinstance(value, str):
                yield name, value


def _of_user(name: str, value: str, site: Site) -> AuthFailure | None:
    try:
        return failure_of_user(name, value, site.homes)
    except BrokenError:
        return None


def _of_stranger(value: str, site: Site) -> AuthFailure | None:
    try:
        return failure_of_stranger(value, site.homes)
    except BrokenError:
        return None


def _not_mended(rpc: Rpc, site: Site, failures: list[tuple[str, AuthFailure]]) -> Iterator[AuthFailure]:
    questions = ((SUCCESSES, name) for name, _ in failures)
    answers = rpc.each("htable.get", questions, site.pace().wait)
    for answer, (_, failure) in zip(answers, failures, strict=True):
        succeeded = _succeeded(answer)
        # Both are whole seconds: within the same one nobody knows which came first.
        if succeeded is None or succeeded <= failure.at:
            yield failure


def _succeeded(answer: object) -> datetime | None:
    item = answer.get("item") if isinstance(answer, dict) else None
    value = item.get("value") if isinstance(item, dict) else None
    try:
        return success(value) if isinstance(value, str) else None
    except BrokenError:
        return None
