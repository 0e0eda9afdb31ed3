"""The pages of 購入/解約: what was asked for, a circle to be added, circles and lines to be cancelled."""

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.auth.guard import protect
from app.auth.sessions import principal
from app.extensions import db
from app.i18n import _
from app.lists import circles
from app.lists.wanted import Wanted
from app.models import Circle, RequestKind
from app.requests import asking, reading
from app.requests.asking import LIMITS, Wish
from app.requests.limit import count
from app.requests.words import KINDS, STATES
from app.scope import Scope
from app.services import services

blueprint = Blueprint("requests", __name__)
protect(blueprint)


@blueprint.get("/requests")
def listing() -> str:
    """What was asked for, and what became of it."""
    scope = principal().scope
    if not reading.may_ask(scope, RequestKind.CANCEL_UNIQUE):
        abort(404)
    wanted = Wanted.parse(request.args, tabs=reading.TABS, sorts=())
    tabs = reading.tabs(db.session(), scope)
    page = reading.page(db.session(), scope, wanted, tabs[wanted.tab])
    return render_template(
        "requests/listing.html",
        wanted=wanted,
        tabs=tabs,
        page=page,
        wishes={row.id: Wish.of(row) for row in page.rows},
        kinds=KINDS,
        states=STATES,
        may_add=reading.may_ask(scope, RequestKind.ADD_CIRCLE),
    )


@blueprint.post("/requests/<row:request_id>/undo")
def undo(request_id: int) -> BaseResponse:
    """Take one request back."""
    if reading.one(db.session(), principal().scope, request_id) is None:
        abort(404)
    count()
    if asking.undo(db.session(), principal().scope, [request_id], services().clock()):
        flash(_("申込を取り消しました。"))
    else:
        flash(_("この申込はすでに処理されているため、取り消せません。"), "error")
    return redirect(url_for("requests.listing"), 303)


@blueprint.get("/circles/add")
def add_circle() -> str:
    """サークル追加: the form."""
    _only(RequestKind.ADD_CIRCLE)
    return _form(Wish())


@blueprint.post("/circles/add/review")
def review_addition() -> str | tuple[str, int]:
    """Look at what was typed before it is asked for; nothing is written."""
    _only(RequestKind.ADD_CIRCLE)
    wish = Wish.typed(**_typed())
    if "edit" in request.form:
        return _form(wish)
    if wish.wrong():
        return _form(wish, wish.wrong()), 422
    return render_template("requests/review_addition.html", wish=wish)


@blueprint.post("/circles/add")
def request_addition() -> BaseResponse | tuple[str, int]:
    """Ask for the circle."""
    _only(RequestKind.ADD_CIRCLE)
    wish = Wish.typed(**_typed())
    if wish.wrong():
        return _form(wish, wish.wrong()), 422
    count()
    asking.add_circle(db.session(), principal().scope, wish, services().clock())
    flash(_("サークルの追加を申し込みました。手続きが完了すると、サークル一覧に表示されます。"))
    return redirect(url_for("requests.listing"), 303)


def _typed() -> dict[str, str]:
    return {name: request.form.get(name, "") for name in LIMITS}


def _form(wish: Wish, wrong: dict[str, str] | None = None) -> str:
    return render_template("requests/add_circle.html", wish=wish, wrong=wrong or {}, limits=LIMITS)


@blueprint.get("/circles/cancel")
def cancel_circle() -> str:
    """サークル解約: which one."""
    scope = _only(RequestKind.CANCEL_CIRCLE)
    wanted = Wanted.parse(request.args, tabs=(), sorts=())
    page = circles.page(db.session(), scope, wanted, circles.tabs(db.session(), scope)[""])
    waiting = reading.waiting_circles(db.session(), [row.id for row in page.rows])
    return render_template("requests/cancel_circle.html", wanted=wanted, page=page, waiting=waiting)


@blueprint.get("/circles/<row:circle_id>/cancel")
def review_circle(circle_id: int) -> str:
    """Look at the circle before its cancellation is asked for."""
    row = _circle(circle_id)
    lines = circles.lines(db.session(), row.id)
    waiting = reading.waiting_circles(db.session(), [row.id]).get(row.id)
    return render_template("requests/review_circle.html", circle=row, lines=lines, waiting=waiting)


@blueprint.post("/circles/<row:circle_id>/cancel")
def request_circle(circle_id: int) -> BaseResponse:
    """Ask for the circle to be cancelled."""
    _circle(circle_id)
    count()
    asking.cancel_circle(db.session(), principal().scope, circle_id, services().clock())
    flash(_("サークルの解約を申し込みました。手続きが完了するまでは取り消せます。"))
    return redirect(url_for("requests.listing"), 303)


def _circle(circle_id: int) -> Circle:
    row = asking.cancellable(db.session(), principal().scope, circle_id)
    if row is None:
        abort(404)
    return row


def _only(kind: RequestKind) -> Scope:
    scope = principal().scope
    if not reading.may_ask(scope, kind):
        abort(404)
    return scope
