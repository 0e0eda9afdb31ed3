"""The one poller of an open page, and the look-up of one line on demand.

Polling is passive: it neither renews the session nor redirects; who is logged out is sent to the login page.
"""

from collections.abc import Sequence

from flask import Blueprint, Response, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app import directory, status
from app.auth import sessions
from app.auth.guard import protect, to_login
from app.auth.sessions import principal
from app.extensions import db
from app.i18n import _, force_locale, language
from app.live import token, waiting
from app.live.circles import read as read_circles
from app.live.details import registration_of
from app.live.lookup import request_lookup
from app.live.page import confirm
from app.live.token import CirclesView, View
from app.models import Unique
from app.presenter import Cell, cell_of, local
from app.services import services
from app.status import PageStatus
from app.store.peek import NOTHING, Glance

blueprint = Blueprint("live", __name__, url_prefix="/live")
# The poll knows from Redis who asks; a session in the database is looked up only where that is not enough.
protect(blueprint, but=frozenset({"live.page", "live.circles"}))

_NOTHING_NEW = 204
_SPOKEN = 3
"""Changes that a screen reader is told one by one; more are told as a number."""


@blueprint.get("/page")
def page() -> BaseResponse:
    """What changed on one open page: 204 for nothing."""
    view = token.load(request.args.get("t", ""))
    seen = _look(view)
    if view is None or seen is None:
        return to_login()
    detail = request.args.get("d")
    if detail is None and _unchanged(view, seen):
        return _as_of(make_response("", _NOTHING_NEW), view, seen)
    with force_locale(view.language):
        return _changes(view, seen, detail)


@blueprint.get("/circles")
def circles() -> BaseResponse:
    """What changed on one open circle list: 204 for nothing. Neither case costs SQL."""
    view = token.load_circles(request.args.get("t", ""))
    seen = _look(view)
    if view is None or seen is None:
        return to_login()
    if _unchanged(view, seen):
        return _as_of(make_response("", _NOTHING_NEW), view, seen)
    with force_locale(view.language):
        found = read_circles(view, seen)
        changed = [cell for cell in found.cells if f"{cell.circle_id}.{cell.digest}" not in request.args.getlist("h")]
        body = render_template("partials/counted.html", changed=changed, version=found.version)
    return _as_of(make_response(body), view, seen)


def _look(view: View | CirclesView | None) -> Glance | None:
    """The cheap look at what a page rests on; None for who is not logged in. Aborts for a page that is not his."""
    session_id = sessions.session_id()
    if session_id is None:
        return None
    if view is None:
        abort(404)
    seen = status.glance(view, session_id)
    owner = seen.principal or _confirmed(session_id)
    if owner is not None and owner != view.principal:
        abort(404)
    return seen if owner else None


def _unchanged(view: View | CirclesView, seen: Glance) -> bool:
    return status.unchanged(request.args.get("v", ""), view, seen, services().clock())


def _confirmed(session_id: str) -> str | None:
    """Ask the database whose session it is, and remember that for the next polls."""
    found = sessions.load(session_id)
    if found is None:
        return None
    confirm(session_id, str(found.scope))
    return str(found.scope)


def _changes(view: View, seen: Glance, detail: str | None) -> BaseResponse:
    now = services().clock()
    page_status = status.read(view, seen, now)
    shown = dict(entry.partition(".")[::2] for entry in request.args.getlist("h"))
    changed = [cell for cell in page_status.cells if shown.get(str(cell.unique_id)) != cell.digest]
    panel = _detail(page_status, detail)
    if not changed and panel is None and request.args.get("v") == page_status.version:
        return _as_of(make_response("", _NOTHING_NEW), view, seen)
    body = render_template(
        "partials/changes.html",
        changed=changed,
        version=page_status.version,
        announcement=_announcement(changed, shown),
        panel=panel,
        now=now,
        news=page_status.news if view.compared and request.args.get("n", "") != page_status.news.digest else None,
    )
    return _as_of(make_response(body), view, seen)


def _detail(page_status: PageStatus, shown: str | None) -> dict[str, object] | None:
    """The open detail, when it shows something that is no longer so."""
    unique_id, _dot, digest = (shown or "").partition(".")
    cell = next((cell for cell in page_status.cells if str(cell.unique_id) == unique_id), None)
    if cell is None:
        return None
    facts = page_status.facts[cell.unique_id]
    return registration_of(facts, cell, unless=digest)


def _announcement(changed: Sequence[Cell], shown: dict[str, str]) -> str:
    """What a screen reader says: only signs that turned, not those whose age grew."""
    turned = [cell for cell in changed if shown.get(str(cell.unique_id), "")[:1] not in ("", cell.digest[:1])]
    if len(turned) > _SPOKEN:
        return _("%(count)d件の回線の状態が変わりました", count=len(turned))
    return "、".join(_("%(number)s: %(meaning)s", number=cell.number, meaning=cell.meaning) for cell in turned)


def _as_of(response: Response, view: View | CirclesView, seen: Glance) -> Response:
    """The page's clock moves on even when nothing else does."""
    moment = status.as_of(view, seen, services().clock())
    if moment is not None:
        response.headers["X-As-Of"] = f"{local(moment):%H:%M:%S}"
    return response


@blueprint.post("/uniques/<row:unique_id>/lookup")
def lookup(unique_id: int) -> BaseResponse:
    """Ask the server for one on-demand line; without JavaScript the details page shows the answer."""
    row = _unique(unique_id)
    sign = request_lookup(row, principal().scope)
    if "HX-Request" not in request.headers:
        return redirect(url_for("portal.registration", unique_id=row.id), 303)
    cell = cell_of(row.id, row.number, sign, services().clock())
    return make_response(render_template("partials/sign.html", cell=cell))


@blueprint.get("/uniques/<row:unique_id>/sign")
def sign(unique_id: int) -> BaseResponse:
    """The cell of one line whose look-up is under way: 204 while the browser shows what is true."""
    row = _unique(unique_id)
    line = directory.line_of(row)
    view = View(str(principal().scope), language(), (), (line,), (row.number,))
    shown = request.args.get("h", "")
    cell = status.read(view, NOTHING, services().clock()).cells[0]
    with waiting.slot() as turns:
        # Nearly every answer comes within these moments: whoever waits for it is spared another request.
        while shown == f"{cell.unique_id}.{cell.digest}" and next(turns, False):
            cell = status.read(view, NOTHING, services().clock()).cells[0]
    if shown == f"{cell.unique_id}.{cell.digest}":
        return make_response("", _NOTHING_NEW)
    return make_response(render_template("partials/sign.html", cell=cell, announced=True))


def _unique(unique_id: int) -> Unique:
    row = directory.unique(db.session(), principal().scope, unique_id)
    if row is None:
        abort(404)
    return row
