"""ユニーク詳細: everything about one line, what to type into its phone, and its labels to be edited."""

from io import BytesIO

import segno
from flask import Blueprint, Response, abort, flash, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app import directory
from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.phone import PhoneSettings, settings_of
from app.domain.sign import SignKind
from app.editing import LIMITS, Labels, edit_unique, may_edit
from app.extensions import db
from app.i18n import _
from app.live.details import registration_of
from app.live.page import live_page
from app.live.past import past
from app.models import Unique
from app.overwriting import has_password, overwritable

blueprint = Blueprint("line", __name__, url_prefix="/uniques/<row:unique_id>")
protect(blueprint)

_PICTURE_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox"


def line_page(row: Unique, typed: Labels | None = None) -> BaseResponse:
    """The page of a line that the caller may see; `typed` are labels that can't be kept as they are."""
    live = live_page([row])
    shown = live.cells[row.id]
    panel = registration_of(live.status.facts[row.id], shown)
    if panel is None:
        abort(404)
    page = render_template(
        "portal/unique.html",
        unique=row,
        panel=panel,
        live=live,
        past=past(row, live.status.facts[row.id], shown, request.args.get("period", "")),
        settings=settings_for(row),
        overwritable=overwritable(row),
        labels=typed or Labels(row.name, row.affiliation, row.note),
        too_long=typed.too_long() if typed else (),
        limits=LIMITS,
        editable=may_edit(principal().scope),
    )
    answer = make_response(page, 422 if typed else 200)
    if shown.sign.kind is SignKind.CHECKING and typed is None:
        # Without JavaScript nothing else would ever show the answer.
        answer.headers["Refresh"] = "1"
    return answer


def settings_for(row: Unique) -> PhoneSettings | None:
    """What to type into a phone of the line; None for one that no phone logs in as."""
    server = row.server
    if server is None or not has_password(row):
        return None
    return settings_of(row.number, row.aor, server.hostname, server.sip_port, server.sip_transport)


def line_or_404(unique_id: int) -> Unique:
    """A line that the caller may see; aborts otherwise."""
    row = directory.unique(db.session(), principal().scope, unique_id)
    if row is None:
        abort(404)
    return row


@blueprint.post("/edit")
def edit(unique_id: int) -> BaseResponse:
    """Keep the name, affiliation and note that were typed."""
    row = line_or_404(unique_id)
    scope = principal().scope
    if not may_edit(scope):
        abort(403)
    typed = Labels.typed(*(request.form.get(name, "") for name in LIMITS))
    if typed.too_long():
        return line_page(row, typed)
    if edit_unique(db.session(), scope, unique_id, typed) is None:
        abort(404)
    flash(_("保存しました。"))
    return redirect(url_for("portal.unique", unique_id=unique_id), 303)


@blueprint.get("/settings.svg")
def settings_code(unique_id: int) -> BaseResponse:
    """The phone's settings as a QR code, without the password."""
    settings = settings_for(line_or_404(unique_id))
    if settings is None:
        abort(404)
    picture = BytesIO()
    # Dark on light in every colour scheme: a camera reads nothing else for sure.
    segno.make(settings.uri, error="m").save(picture, kind="svg", scale=4, light="#fff", dark="#000", svgclass=None)
    answer = Response(picture.getvalue(), mimetype="image/svg+xml")
    answer.headers["Content-Security-Policy"] = _PICTURE_POLICY
    return answer
