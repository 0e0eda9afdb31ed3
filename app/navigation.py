"""The top navigation, and its entries that lead to other systems of the operator's, of which each is configured."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Flask, request, url_for
from flask_login import current_user
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Session

from app.extensions import db
from app.i18n import _, language
from app.models import NavigationLink, PrincipalKind

CONTACT = "contact"
"""The entry that the login page offers to those whom a reminder mail can't help; all others are in the navigation."""
_KEY = re.compile(r"[a-z][a-z0-9-]{0,31}")
_LONGEST_URL = 500
_LINES = ("portal", "line", "lines", "device")
"""Blueprints whose pages show circles and lines."""


@dataclass(frozen=True, slots=True)
class Place:
    """One entry of the navigation."""

    url: str
    name: str
    here: bool = False
    outside: bool = False


def entries(session: Session) -> Sequence[NavigationLink]:
    """All of them, in the order in which they are shown."""
    return session.scalars(select(NavigationLink).order_by(NavigationLink.position, NavigationLink.key)).all()


def save(session: Session, key: str, *, name_ja: str, name_en: str, url: str, position: int) -> None:
    """Make or overwrite an entry and commit. Raises ValueError with what is wrong."""
    if not _KEY.fullmatch(key):
        raise ValueError("a key is up to 32 small letters, digits and hyphens")
    if not name_ja.strip() or not name_en.strip() or len(name_ja) > 100 or len(name_en) > 100:
        raise ValueError("a name has 1 to 100 characters")
    _check(url)
    link = session.get(NavigationLink, key) or NavigationLink(key=key)
    link.name_ja, link.name_en, link.url, link.position = name_ja.strip(), name_en.strip(), url, position
    session.add(link)
    session.commit()


def remove(session: Session, key: str) -> bool:
    """Whether there was such an entry; commits."""
    link = session.get(NavigationLink, key)
    if link is None:
        return False
    session.delete(link)
    session.commit()
    return True


def _check(url: str) -> None:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        host = None
    if not host or parts.scheme not in ("http", "https") or len(url) > _LONGEST_URL or not url.isprintable():
        raise ValueError("a URL begins with http:// or https:// and has at most 500 characters")


def places() -> list[Place]:
    """The navigation of whoever is logged in: what the guide shows, as far as it exists for them."""
    kind = current_user.scope.kind
    if kind is PrincipalKind.STAFF:
        found = [_own("support.search", _("回線をさがす"), "support", *_LINES)]
        found.append(_own("audit.customers", _("操作の記録"), "audit"))
    elif kind is PrincipalKind.ACCOUNT:
        found = [_own("portal.circles", _("サークル"), "search", *_LINES), _requests()]
        found += [_other(link) for link in entries(db.session()) if link.key != CONTACT]
    elif kind is PrincipalKind.CIRCLE:
        found = [_own("portal.home", _("ユニーク一覧"), "search", *_LINES), _requests()]
    else:
        found = [_own("portal.home", _("ユニーク詳細"), *_LINES)]
    return [*found, _own("account.index", _("アカウント情報"), "account")]


def _requests() -> Place:
    return _own("requests.listing", _("購入/解約"), "requests")


def _own(endpoint: str, name: str, *blueprints: str) -> Place:
    """A page of ours; marked while one of its blueprints' pages is shown."""
    return Place(url_for(endpoint), name, here=request.blueprint in blueprints)


def _other(link: NavigationLink) -> Place:
    return Place(link.url, link.name_en if language() == "en" else link.name_ja, outside=True)


def _contact() -> NavigationLink | None:
    # The login page is there even while the database is not.
    try:
        return db.session.get(NavigationLink, CONTACT)
    except SQLAlchemyError:
        db.session.rollback()
        return None


def register_navigation(app: Flask) -> None:
    """Give it to the templates."""
    app.add_template_global(places)
    app.add_template_global(_contact, "contact")
