"""What support staff do while a customer is on the phone."""

from datetime import UTC, datetime

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app import directory, finder
from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.sign import ASK_PATIENCE
from app.domain.text import clean
from app.extensions import db
from app.live.lookup import enqueue, last_ask
from app.live.page import live_page
from app.models import Unique
from app.services import services
from app.support.reload import Reload
from app.throttle import RELOAD

blueprint = Blueprint("support", __name__, url_prefix="/support")
protect(blueprint)


@blueprint.before_request
def _only_staff() -> None:
    """Customers are not told that this exists."""
    if not principal().is_staff:
        abort(404)


@blueprint.get("/")
def search() -> str:
    """Find lines of any customer by number, name or phone number."""
    text = clean(request.args.get("q", "")[:100])
    rows = finder.find_for_support(db.session(), principal().scope, text)
    return render_template(
        "support/search.html", text=text, rows=rows, live=live_page(rows), limit=finder.SUPPORT_LIMIT
    )


@blueprint.post("/uniques/<row:unique_id>/reload")
def reload(unique_id: int) -> BaseResponse:
    """Ask the server for one line now, live or on demand."""
    row = _unique(unique_id)
    asked_at = services().clock()
    problem = enqueue(row, principal().scope, RELOAD)
    if "HX-Request" not in request.headers:
        return redirect(url_for("portal.registration", unique_id=row.id), 303)
    return _answer(row, Reload(asked_at, problem))


@blueprint.get("/uniques/<row:unique_id>/reload")
def reloaded(unique_id: int) -> BaseResponse:
    """Whether the reload that was asked for at `asked` has ended: 204 while it has not."""
    row = _unique(unique_id)
    asked_at = _asked_at()
    ask = last_ask(row)
    if ask is not None and (ask.answered or ask.failed):
        return _answer(row, Reload(ask.asked_at, ask.failed, done=True))
    if services().clock() - asked_at > ASK_PATIENCE:
        return _answer(row, Reload(asked_at, "timeout", done=True))
    return make_response("", 204)


def _asked_at() -> datetime:
    try:
        return datetime.fromtimestamp(request.args.get("asked", default=0.0, type=float), UTC)
    except (ValueError, OverflowError, OSError):
        abort(400)


def _answer(row: Unique, state: Reload) -> BaseResponse:
    live = live_page([row])
    return make_response(
        render_template("partials/reload.html", unique=row, reload=state, cell=live.cells[row.id], reloadable=True)
    )


def _unique(unique_id: int) -> Unique:
    row = directory.unique(db.session(), principal().scope, unique_id)
    if row is None:
        abort(404)
    return row
