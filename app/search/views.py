"""ユニーク検索, サークル検索 and 電話番号検索."""

from collections.abc import Callable, Mapping
from typing import Any

from flask import Blueprint, abort, render_template, request
from sqlalchemy.orm import Session

from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.text import clean
from app.extensions import db
from app.finder import LIMIT, Found, find_circles, find_phones, find_uniques
from app.i18n import _
from app.live.circles import live_circles
from app.live.page import live_page
from app.models import Unique
from app.scope import Scope
from app.services import services
from app.throttle import SEARCH

blueprint = Blueprint("search", __name__, url_prefix="/search")
protect(blueprint)

_TYPED = 100


@blueprint.get("/uniques")
def uniques() -> str:
    """Lines by number or name."""
    return _lines(find_uniques, title=_("ユニーク検索"), label=_("ユニーク番号・名称"))


@blueprint.get("/phones")
def phones() -> str:
    """Lines by phone number or extension."""
    return _lines(find_phones, title=_("電話番号検索"), label=_("電話番号・内線"))


@blueprint.get("/circles")
def circles() -> str:
    """Circles by number, user, department or person in charge."""
    found = _found(find_circles)
    ids = [row.id for row in found.page.rows] if found else []
    form = _form(_("サークル検索"), _("サークル番号・使用者情報・部署・担当者"))
    return render_template("search/circles.html", found=found, live=live_circles(db.session(), ids), **form)


def _lines(find: Callable[[Session, Scope, str, int], Found[Unique]], *, title: str, label: str) -> str:
    found = _found(find)
    rows = found.page.rows if found else ()
    return render_template("search/lines.html", found=found, live=live_page(rows), **_form(title, label))


def _form(title: str, label: str) -> Mapping[str, object]:
    return {"title": title, "label": label, "text": _text(), "limit": LIMIT}


def _text() -> str:
    return clean(request.args.get("q", "")[:_TYPED])


def _found(find: Callable[[Session, Scope, str, int], Found[Any]]) -> Found[Any] | None:
    """What the text finds; None where nothing was typed."""
    text, scope = _text(), principal().scope
    if not text:
        return None
    if not services().throttle.hit(SEARCH, str(scope)):
        abort(429)
    return find(db.session(), scope, text, request.args.get("page", default=1, type=int))
