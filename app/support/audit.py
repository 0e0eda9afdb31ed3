"""The audit trail of each customer, for staff."""

from flask import Blueprint, abort, render_template, request

from app.audit_words import details_of, words_of
from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.text import clean
from app.extensions import db
from app.models import Account
from app.support import records
from app.support.records import Wanted

blueprint = Blueprint("audit", __name__, url_prefix="/support/audit")
protect(blueprint)


@blueprint.before_request
def _only_staff() -> None:
    """Customers are not told that this exists."""
    if not principal().is_staff:
        abort(404)


@blueprint.get("")
def customers() -> str:
    """Find a customer whose entries are wanted."""
    text = clean(request.args.get("q", "")[:100])
    rows = records.customers(db.session(), principal().scope, text)
    return render_template("support/customers.html", text=text, rows=rows, limit=records.FOUND)


@blueprint.get("/<row:account_id>")
def entries(account_id: int) -> str:
    """What was written of one customer's."""
    account = records.customer(db.session(), principal().scope, account_id)
    if account is None:
        abort(404)
    return _page(account, account_id)


@blueprint.get("/portal")
def of_nobody() -> str:
    """What belongs to no customer, such as what staff change of their own logins."""
    return _page(None, None)


def _page(account: Account | None, account_id: int | None) -> str:
    session, scope, asked = db.session(), principal().scope, request.args
    actions = records.actions(session, scope, account_id)
    wanted = Wanted(
        by=asked.get("by", "") if asked.get("by") in ("staff", "customer") else "",
        action=asked.get("action", "") if asked.get("action") in actions else "",
        text=clean(asked.get("q", "")[:100]),
    )
    page = records.entries(session, scope, account_id, wanted, asked.get("page", default=1, type=int))
    return render_template(
        "support/audit.html",
        account=account,
        page=page,
        wanted=wanted,
        actions=actions,
        words_of=words_of,
        details_of=details_of,
    )
