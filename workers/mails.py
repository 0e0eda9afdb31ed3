"""Writes and sends the mails that the web asked for. The web asks alike for every login ID: who exists is seen here."""

import logging
import secrets

from sqlalchemy import delete
from sqlalchemy.orm import Session

from app.domain.links import CONFIRM_EMAIL, GOOD_FOR, SET_PASSWORD, link_digest
from app.mail import MailError
from app.models import (
    AuditEntry,
    Holder,
    LinkPurpose,
    MailedLink,
    PrincipalKind,
    account_of,
    holder,
    holder_of,
    login_id_of,
    registered_email,
)
from workers.runtime import Runtime

_WORDS = {
    "ja": {"account": "アカウント", "circle": "サークル", "unique": "ユニーク"},
    "en": {"account": "Account", "circle": "Circle", "unique": "Unique"},
}
_PATHS = {LinkPurpose.SET_PASSWORD: SET_PASSWORD, LinkPurpose.CONFIRM_EMAIL: CONFIRM_EMAIL}

log = logging.getLogger(__name__)


def reminder(runtime: Runtime, kind: PrincipalKind, login_id: str, language: str, address: str) -> None:
    """Mail a link that sets a new password to the registered address of a login ID, if there are both."""
    with runtime.sessions() as session:
        who = holder_of(session, kind, login_id)
        to = registered_email(who) if who else ""
        if who is None or not to:
            return
        _send(runtime, session, LinkPurpose.SET_PASSWORD, who, kind, to=to, language=language)
        account = account_of(who)
        entry = AuditEntry(
            at=runtime.clock(),
            account_id=account.id if account else None,
            kind=kind,
            principal_id=who.id,
            who=login_id_of(who),
            address=address,
            action="login.reminder",
            target=login_id_of(who),
        )
        session.add(entry)
        session.commit()


def confirmation(runtime: Runtime, kind: PrincipalKind, principal_id: int, to: str, language: str) -> None:
    """Mail a link that confirms a new address to that address."""
    with runtime.sessions() as session:
        who = holder(session, kind, principal_id)
        if who is not None:
            _send(runtime, session, LinkPurpose.CONFIRM_EMAIL, who, kind, to=to, language=language)


def notice(runtime: Runtime, kind: PrincipalKind, principal_id: int, to: str, language: str) -> None:
    """Tell an address that it is no longer the registered one."""
    with runtime.sessions() as session:
        who = holder(session, kind, principal_id)
        if who is not None:
            _mail(runtime, "email_changed", who, kind, to=to, language=language)


def _send(
    runtime: Runtime,
    session: Session,
    purpose: LinkPurpose,
    who: Holder,
    kind: PrincipalKind,
    *,
    to: str,
    language: str,
) -> None:
    """A new link, stored before it is mailed. One whose mail fails is never known to anybody, and expires."""
    secret, now = secrets.token_urlsafe(32), runtime.clock()
    session.execute(delete(MailedLink).where(MailedLink.expires_at < now - GOOD_FOR))
    link = MailedLink(
        digest=link_digest(secret),
        purpose=purpose,
        kind=kind,
        principal_id=who.id,
        email=to,
        expires_at=now + GOOD_FOR,
    )
    session.add(link)
    session.commit()
    url = f"{runtime.post.public_url}{_PATHS[purpose]}{secret}"
    minutes = int(GOOD_FOR.total_seconds() // 60)
    _mail(runtime, purpose.value, who, kind, to=to, language=language, url=url, minutes=minutes)


def _mail(
    runtime: Runtime, template: str, who: Holder, kind: PrincipalKind, *, to: str, language: str, **values: object
) -> None:
    account = account_of(who)
    remembered = account.locale if account else None
    spoken = remembered if remembered in _WORDS else language
    words = {"kind": _WORDS[spoken][kind.value], "login_id": login_id_of(who)}
    try:
        runtime.post.send(template, spoken, to=to, **words, **values)
    except MailError as error:
        log.warning("a mail could not be sent, it is tried again: %s", error)
        raise
