"""What the tests of requests have in common: a wish, the boxes of a list, and what was written."""

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.test import TestResponse

from app.models import AuditEntry, ServiceRequest
from tests.support.portal import Portal
from tests.web.given import csrf_of

WISH = {
    "user_information": "福岡支店 <b>",
    "department": "業務課",
    "person_in_charge": "山田",
    "remarks": "一行目\r\n二行目",
}


def states(session: Session) -> list[tuple[str, str, str]]:
    session.expire_all()
    rows = session.scalars(select(ServiceRequest).order_by(ServiceRequest.id))
    return [(row.kind.value, row.target, row.state.value) for row in rows]


def audited(session: Session) -> list[tuple[str, str]]:
    rows = session.scalars(select(AuditEntry).order_by(AuditEntry.id))
    return [(row.action, row.target) for row in rows if row.action.startswith("request.")]


def choose(client: Portal, path: str, *, cancel: list[int], undo: list[int], **wanted: str) -> TestResponse:
    return client.get(f"{path}/review", query_string={"cancel": cancel, "undo": undo, **wanted})


def confirm(client: Portal, path: str, *, cancel: list[int], undo: list[int], **wanted: str) -> TestResponse:
    data = {"cancel": cancel, "undo": undo, "csrf_token": csrf_of(client), **wanted}
    return client.post(f"{path}/review", data=data)
