"""The pages of customers."""

from dataclasses import replace

from flask import Blueprint, abort, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app import directory
from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.sign import SignKind
from app.extensions import db
from app.lists import circles as circle_list
from app.lists import uniques as unique_list
from app.lists.wanted import Wanted
from app.live import by_state
from app.live.circles import live_circles
from app.live.details import registration_of
from app.live.page import live_page
from app.live.past import periods
from app.models import PrincipalKind, RequestKind
from app.portal.line import line_page
from app.portal.menu import side_menu
from app.requests import asking, reading

blueprint = Blueprint("portal", __name__)
blueprint.add_app_template_global(side_menu)
protect(blueprint)


@blueprint.get("/")
def home() -> BaseResponse:
    """Where each kind of principal begins."""
    scope = principal().scope
    if scope.kind is PrincipalKind.STAFF:
        return redirect(url_for("support.search"))
    if scope.kind is PrincipalKind.CIRCLE:
        return redirect(url_for("portal.uniques", circle_id=scope.id))
    if scope.kind is PrincipalKind.UNIQUE:
        return redirect(url_for("portal.unique", unique_id=scope.id))
    return redirect(url_for("portal.circles"))


@blueprint.get("/circles")
def circles() -> str:
    """The circle list, with live counts."""
    session, scope = db.session(), principal().scope
    wanted = Wanted.parse(request.args, tabs=circle_list.TABS, sorts=circle_list.SORTS)
    tabs = circle_list.tabs(session, scope)
    page = circle_list.page(session, scope, wanted, tabs[wanted.tab])
    ids = [row.id for row in page.rows]
    return render_template(
        "portal/circles.html",
        wanted=wanted,
        tabs=tabs,
        page=page,
        live=live_circles(session, ids),
        waiting=reading.waiting_circles(session, ids),
    )


@blueprint.get("/circles/<row:circle_id>/details")
def circle(circle_id: int) -> str:
    """詳細: everything about one circle."""
    session, scope = db.session(), principal().scope
    row = directory.circle(session, scope, circle_id)
    if row is None:
        abort(404)
    return render_template(
        "portal/circle.html",
        circle=row,
        lines=circle_list.lines(session, row.id),
        live=live_circles(session, [row.id]),
        waiting=reading.waiting_circles(session, [row.id]).get(row.id),
        may_cancel=asking.cancellable(session, scope, row.id) is not None,
        periods=periods(),
    )


@blueprint.get("/circles/<row:circle_id>")
def uniques(circle_id: int) -> str:
    """The unique list of one circle, with live signs."""
    session, scope = db.session(), principal().scope
    row = directory.circle(session, scope, circle_id)
    if row is None:
        abort(404)
    tabs = unique_list.tabs(session, circle_id)
    wanted = unique_list.wanted_of(request.args, tabs)
    total = sum(tab.count for tab in tabs if wanted.tab in ("", tab.kind.code))
    if too_many := _by_state(wanted) and total > unique_list.MOST_BY_STATE:
        wanted = replace(wanted, state="", sort="")
    if _by_state(wanted):
        page = by_state.page(session, scope, circle_id, wanted)
    else:
        page = unique_list.page(session, scope, circle_id, wanted, tabs)
    return render_template(
        "portal/uniques.html",
        circle=row,
        tabs=tabs,
        wanted=wanted,
        page=page,
        states=unique_list.STATES,
        on_demand=directory.is_on_demand(page.rows),
        live=live_page(page.rows, compared=True),
        waiting=reading.waiting_uniques(session, [line.id for line in page.rows]),
        may_cancel=reading.may_ask(scope, RequestKind.CANCEL_UNIQUE),
        too_many=unique_list.MOST_BY_STATE if too_many else 0,
    )


def _by_state(wanted: Wanted) -> bool:
    return bool(wanted.state) or wanted.sort == unique_list.BY_STATE


@blueprint.get("/uniques/<row:unique_id>")
def unique(unique_id: int) -> BaseResponse:
    """詳細: everything about one line."""
    row = directory.unique(db.session(), principal().scope, unique_id)
    if row is None:
        abort(404)
    return line_page(row)


@blueprint.get("/uniques/<row:unique_id>/registration")
def registration(unique_id: int) -> BaseResponse:
    """The details of a sign: as a page of its own, or as the panel beside the list that asked for it."""
    row = directory.unique(db.session(), principal().scope, unique_id)
    if row is None:
        abort(404)
    live = live_page([row])
    shown = live.cells[row.id]
    panel = registration_of(live.status.facts[row.id], shown)
    if panel is None:
        abort(404)
    if "HX-Request" in request.headers:
        return make_response(render_template("partials/registration.html", panel=panel))
    answer = make_response(render_template("portal/registration.html", panel=panel, live=live))
    if shown.sign.kind is SignKind.CHECKING:
        # Without JavaScript nothing else would ever show the answer.
        answer.headers["Refresh"] = "1"
    return answer
