"""The language that an account reads: chosen once, kept for its next login and for its mails."""

from sqlalchemy.orm import Session

from app import audit, locale
from app.models import Account, account_of, holder
from app.scope import Scope


def remember(session: Session, scope: Scope, language: str) -> None:
    """Keep what an account chose; circles, uniques and staff keep their choice in the browser only. Commits."""
    who = holder(session, scope.kind, scope.id)
    if not isinstance(who, Account) or who.locale == language:
        return
    detail = {"language": [who.locale or "", language]}
    who.locale = language
    by = audit.visitor(session, scope)
    audit.record(session, "login.language", target=who.login_id, account_id=who.id, detail=detail, by=by)
    session.commit()


def recall(session: Session, scope: Scope) -> None:
    """At a login: speak the account's language, unless another was chosen in this browser just now: then keep that."""
    chosen = locale.chosen()
    if chosen is not None:
        remember(session, scope, chosen)
        return
    who = holder(session, scope.kind, scope.id)
    account = account_of(who) if who else None
    if account is not None and account.locale in locale.SUPPORTED:
        locale.remember(account.locale)
