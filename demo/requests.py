"""The demo's requests: one of each kind and in each state, so that 購入/解約 shows what it can."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, Circle, RequestKind, RequestState, ServiceRequest, Unique
from demo import customers

_LINES = (RequestState.REQUESTED, RequestState.UNDONE, RequestState.REFUSED)
_WISH = {
    "user_information": "福岡支店",
    "department": "業務課",
    "person_in_charge": "総務担当",
    "remarks": "来月1日から利用したいです。",
}


def load(session: Session) -> None:
    """Add them to the first customer's account, and commit; what is already there stays."""
    first = customers.customers()[0]
    account_id = session.scalars(select(Account.id).filter_by(login_id=first.login_id)).one()
    if session.scalar(select(ServiceRequest.id).filter_by(account_id=account_id).limit(1)) is not None:
        return
    began = datetime.now(UTC) - timedelta(days=3)
    branch, former = (_circle(session, first.groups[index].number) for index in (1, 3))
    session.add(_request(account_id, RequestKind.ADD_CIRCLE, RequestState.REQUESTED, began, wish=json.dumps(_WISH)))
    carried_out = _request(account_id, RequestKind.CANCEL_CIRCLE, RequestState.CARRIED_OUT, began)
    carried_out.circle_id, carried_out.target = former.id, former.number
    session.add(carried_out)
    lines = session.scalars(select(Unique).filter_by(circle_id=branch.id).order_by(Unique.number).limit(len(_LINES)))
    for state, line in zip(_LINES, lines, strict=True):
        row = _request(account_id, RequestKind.CANCEL_UNIQUE, state, began)
        row.circle_id, row.unique_id, row.target = branch.id, line.id, line.number
        session.add(row)
    session.commit()


def _circle(session: Session, number: str) -> Circle:
    return session.scalars(select(Circle).filter_by(number=number)).one()


def _request(account_id: int, kind: RequestKind, state: RequestState, at: datetime, wish: str = "") -> ServiceRequest:
    settled = None if state is RequestState.REQUESTED else at + timedelta(hours=5)
    return ServiceRequest(account_id=account_id, kind=kind, state=state, wish=wish, requested_at=at, settled_at=settled)
