"""端末パスワードの上書き: typed twice or made here, carried out by a worker, told how it ended."""

from flask import Blueprint, make_response, redirect, render_template, request, url_for
from werkzeug.wrappers import Response as BaseResponse

from app.auth.guard import protect
from app.auth.sessions import principal
from app.device_password import LONGEST, MARKS, SHORTEST, WORDS, Judgement, Refusal, generate, judge, strength
from app.extensions import db
from app.i18n import _
from app.models import Unique
from app.overwriting import abilities_at, has_password, newest, overwritable, overwrite
from app.password_words import because
from app.portal.line import line_or_404, settings_for
from app.services import services
from app.store.passwords import Overwriting, Stage
from app.throttle import STRENGTH

blueprint = Blueprint("device", __name__, url_prefix="/uniques/<row:unique_id>/password")
protect(blueprint)

_TYPED = 200
"""Characters of a typed password that are looked at: far more than any may have."""
_STATUS = {"limited": 429, "under_way": 409, "unsupported": 409, "store": 503, "unconfirmed": 503}


@blueprint.get("")
def password(unique_id: int) -> BaseResponse:
    """The form, and how the newest overwriting stands."""
    row = line_or_404(unique_id)
    answer = make_response(_page(row))
    shown = newest(row)
    if shown is not None and shown.stage is Stage.UNDER_WAY and "HX-Request" not in request.headers:
        # Without JavaScript nothing else would ever show how it ended.
        answer.headers["Refresh"] = "2"
    return answer


@blueprint.post("")
def overwrite_password(unique_id: int) -> BaseResponse:
    """Overwrite it with what was typed twice."""
    row = line_or_404(unique_id)
    if not overwritable(row):
        return make_response(_page(row), 409)
    typed, again = (request.form.get(name, "")[:_TYPED] for name in ("password", "again"))
    judgement = judge(typed, again, _known(row))
    if judgement.refusal is not None:
        return make_response(_page(row, judgement=judgement), 422)
    problem = overwrite(db.session(), principal().scope, row.id, typed, judgement.strength, generated=False)
    if problem is not None:
        return make_response(_page(row, problem=problem), _STATUS[problem])
    return redirect(url_for("device.password", unique_id=row.id), 303)


@blueprint.post("/generated")
def generate_password(unique_id: int) -> BaseResponse:
    """Overwrite it with one made here, which this answer alone shows."""
    row = line_or_404(unique_id)
    if not overwritable(row):
        return make_response(_page(row), 409)
    made = generate()
    problem = overwrite(db.session(), principal().scope, row.id, made, strength(made, _known(row)), generated=True)
    if problem is not None:
        return make_response(_page(row, problem=problem), _STATUS[problem])
    return make_response(_page(row, made=made))


@blueprint.get("/state")
def state(unique_id: int) -> BaseResponse:
    """How the newest overwriting stands, as a fragment: 204 while it is under way."""
    shown = newest(line_or_404(unique_id))
    if shown is None or shown.stage is Stage.UNDER_WAY:
        return make_response("", 204)
    return make_response(_state(unique_id, shown))


@blueprint.post("/strength")
def password_strength(unique_id: int) -> BaseResponse:
    """How strong what is being typed is, as a fragment."""
    row = line_or_404(unique_id)
    if not services().throttle.hit(STRENGTH, str(principal().scope)):
        return make_response("", 204)
    typed = request.form.get("password", "")[:_TYPED]
    score = strength(typed, _known(row)) if typed else None
    return make_response(render_template("partials/strength.html", **_strength(score)))


def _page(
    row: Unique, *, judgement: Judgement | None = None, problem: str | None = None, made: str | None = None
) -> str:
    score = judgement.strength if judgement else None
    # How an earlier one ended would only confuse whoever has just been refused.
    shown = None if judgement else newest(row)
    return render_template(
        "portal/password.html",
        unique=row,
        settings=settings_for(row),
        has_password=has_password(row),
        supported=abilities_at(row.server_id).sets_passwords,
        refusal=_refusal(judgement.refusal) if judgement and judgement.refusal else "",
        problem=because(problem) if problem else "",
        made=made,
        shown=shown,
        limits={"shortest": SHORTEST, "longest": LONGEST, "marks": MARKS},
        **_strength(score),
        **_words(shown),
    )


def _state(unique_id: int, shown: Overwriting) -> str:
    return render_template("partials/password_state.html", unique_id=unique_id, shown=shown, **_words(shown))


def _words(shown: Overwriting | None) -> dict[str, object]:
    failed = shown is not None and shown.stage is Stage.FAILED
    return {
        "because": because(shown.problem) if shown and failed else "",
        "shown_strength": str(WORDS[shown.strength]) if shown else "",
    }


def _strength(score: int | None) -> dict[str, object]:
    return {"score": score, "strength_word": None if score is None else str(WORDS[score])}


def _known(row: Unique) -> tuple[str, ...]:
    """What anybody may know of the line, and would try first."""
    hostname = row.server.hostname if row.server else ""
    return (row.number, row.aor, row.name, row.affiliation, row.circle.number, row.incoming_phone, hostname)


def _refusal(why: Refusal) -> str:
    words = {
        Refusal.DIFFERENT: _("2つの入力が同じではありません。"),
        Refusal.SHORT: _("%(count)d文字以上にしてください。", count=SHORTEST),
        Refusal.LONG: _("%(count)d文字以下にしてください。", count=LONGEST),
        Refusal.CHARACTERS: _("使えるのは、半角の英字と数字、および記号 %(marks)s です。", marks=MARKS),
        Refusal.GUESSABLE: _("推測されやすいパスワードです。もっと長くするか、ポータルに作らせてください。"),
    }
    return words[why]
