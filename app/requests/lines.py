"""解約 and 解約取消 of the lines that were ticked in a unique list."""

from dataclasses import dataclass

from flask import Blueprint, abort, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response as BaseResponse

from app import directory
from app.auth.guard import protect
from app.auth.sessions import principal
from app.extensions import db
from app.i18n import _, ngettext
from app.lists import uniques
from app.lists.wanted import Wanted
from app.models import Circle, ServiceRequest, Unique
from app.requests import asking, reading
from app.requests.limit import count
from app.services import services

blueprint = Blueprint("lines", __name__)
protect(blueprint)


@dataclass(frozen=True, slots=True)
class Selection:
    """Lines of one circle that were ticked, and the list in which they were."""

    circle: Circle
    wanted: Wanted
    cancel: list[Unique]
    """Those that nobody has asked to cancel yet."""
    undo: list[Unique]
    """Those of which that can be taken back."""
    requests: dict[int, ServiceRequest]
    """The requests that wait, by line."""

    def back(self) -> BaseResponse:
        """To the list as it was."""
        return redirect(url_for("portal.uniques", circle_id=self.circle.id, **self.wanted.query()), 303)


@blueprint.get("/circles/<row:circle_id>/review")
def review(circle_id: int) -> str | BaseResponse:
    """Look at the lines that were ticked before anything is asked for; nothing is written."""
    chosen = _selection(circle_id, request.args)
    if not chosen.cancel and not chosen.undo:
        flash(_("解約または解約取消する回線を選んでください。"), "error")
        return chosen.back()
    return render_template("requests/review_uniques.html", chosen=chosen)


@blueprint.post("/circles/<row:circle_id>/review")
def confirm(circle_id: int) -> BaseResponse:
    """Ask for lines to be cancelled, and take such requests back, as reviewed."""
    chosen = _selection(circle_id, request.form)
    count()
    session, now = db.session(), services().clock()
    waiting = [chosen.requests[row.id].id for row in chosen.undo]
    undone = asking.undo(session, principal().scope, waiting, now)
    asked = asking.cancel_uniques(session, chosen.cancel, now)
    if asked:
        flash(ngettext("%(num)d件の解約を申し込みました。", "%(num)d件の解約を申し込みました。", asked))
    if undone:
        flash(ngettext("%(num)d件の解約申込を取り消しました。", "%(num)d件の解約申込を取り消しました。", undone))
    if not asked and not undone:
        flash(_("すでに処理されているため、変更はありません。"), "error")
    return chosen.back()


def _selection(circle_id: int, given: MultiDict[str, str]) -> Selection:
    """What a form says, within the caller's scope; aborts for anything that is not there."""
    session = db.session()
    circle = directory.circle(session, principal().scope, circle_id)
    if circle is None:
        abort(404)
    cancel, undo = (_lines(circle_id, given.getlist(name)) for name in ("cancel", "undo"))
    waiting = reading.waiting_uniques(session, [row.id for row in (*cancel, *undo)])
    return Selection(
        circle,
        uniques.wanted_of(given, uniques.tabs(session, circle_id)),
        [row for row in cancel if row.id not in waiting],
        [row for row in undo if row.id in waiting],
        waiting,
    )


def _lines(circle_id: int, ids: list[str]) -> list[Unique]:
    # A list has no more rows than this to be ticked.
    if len(ids) > directory.PAGE_SIZE or not all(text.isascii() and text.isdigit() and len(text) < 20 for text in ids):
        abort(400)
    rows = asking.lines_of_circle(db.session(), principal().scope, circle_id, list(map(int, ids)))
    if rows is None:
        abort(404)
    return rows
