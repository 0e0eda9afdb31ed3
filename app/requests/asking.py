"""What customers ask for, and how they take it back until the operator has carried it out."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Final

from sqlalchemy import CursorResult, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import audit, directory
from app.domain.text import clean
from app.models import Circle, CircleState, RequestKind, RequestState, ServiceRequest, Unique
from app.requests import reading
from app.requests.reading import may_ask
from app.scope import Scope

LIMITS: Final = {"user_information": 200, "department": 200, "person_in_charge": 200, "remarks": 1000}
"""Characters that each field of a wish may have."""
_ATTEMPTS = 3
"""How often two people who ask for the same lines at once may be in each other's way."""


@dataclass(frozen=True, slots=True)
class Wish:
    """The circle that a customer would like to have."""

    user_information: str = ""
    department: str = ""
    person_in_charge: str = ""
    remarks: str = ""

    @classmethod
    def typed(cls, **typed: str) -> "Wish":
        """As it came from a form. One character more than may be kept stays, so that nothing is cut unseen."""
        return cls(**{name: _fit(typed.get(name, ""), limit + 1) for name, limit in LIMITS.items()})

    @classmethod
    def of(cls, row: ServiceRequest) -> "Wish":
        """What a request asks for; empty for one that is no wish for a circle."""
        return cls(**json.loads(row.wish)) if row.wish else cls()

    def wrong(self) -> dict[str, str]:
        """The fields that can't be taken as they are: `missing` or `too_long`."""
        found = {
            field.name: "too_long" for field in fields(self) if len(getattr(self, field.name)) > LIMITS[field.name]
        }
        return found if self.user_information else {"user_information": "missing"} | found


def _fit(text: str, limit: int) -> str:
    return "\n".join(clean(line, limit) for line in text[: 2 * limit].splitlines()).strip()


def add_circle(session: Session, scope: Scope, wish: Wish, now: datetime) -> bool:
    """Ask for a circle and commit. The same wish twice, before the operator has seen to it, is one."""
    if not may_ask(scope, RequestKind.ADD_CIRCLE):
        return False
    text = json.dumps(asdict(wish), ensure_ascii=False)
    same = select(ServiceRequest.id).where(
        ServiceRequest.account_id == scope.id,
        ServiceRequest.kind == RequestKind.ADD_CIRCLE,
        ServiceRequest.state == RequestState.REQUESTED,
        ServiceRequest.wish == text,
    )
    if session.scalar(same.limit(1)) is None:
        session.add(ServiceRequest(account_id=scope.id, kind=RequestKind.ADD_CIRCLE, wish=text, requested_at=now))
        audit.record(session, "request.add_circle", account_id=scope.id, detail=asdict(wish))
        session.commit()
    return True


def cancel_circle(session: Session, scope: Scope, circle_id: int, now: datetime) -> bool:
    """Ask for a circle to be cancelled and commit; False for one that is not the caller's or is not in use."""
    row = cancellable(session, scope, circle_id)
    if row is None:
        return False
    if not reading.waiting_circles(session, [row.id]):
        made = ServiceRequest(
            account_id=row.account_id,
            kind=RequestKind.CANCEL_CIRCLE,
            circle_id=row.id,
            target=row.number,
            requested_at=now,
        )
        session.add(made)
        audit.record(session, "request.cancel_circle", target=row.number, account_id=row.account_id)
        _commit(session)
    return True


def cancellable(session: Session, scope: Scope, circle_id: int) -> Circle | None:
    """A circle that the caller may ask to be cancelled."""
    if not may_ask(scope, RequestKind.CANCEL_CIRCLE):
        return None
    row = directory.circle(session, scope, circle_id)
    return row if row is not None and row.state is not CircleState.CANCELLED else None


def lines_of_circle(session: Session, scope: Scope, circle_id: int, unique_ids: Sequence[int]) -> list[Unique] | None:
    """Some lines of a circle, by number; None when one of them is not there or the caller may not cancel lines."""
    if not may_ask(scope, RequestKind.CANCEL_UNIQUE) or any(
        unique_id > directory.LARGEST_ID for unique_id in unique_ids
    ):
        return None
    query = directory.lines_of(scope).where(Unique.circle_id == circle_id, Unique.id.in_(unique_ids))
    found = list(session.scalars(query.order_by(Unique.number)))
    return found if len(found) == len(set(unique_ids)) else None


def cancel_uniques(session: Session, rows: Sequence[Unique], now: datetime) -> int:
    """Ask for lines of the caller's to be cancelled and commit; how many were not asked for already."""
    for _attempt in range(_ATTEMPTS):
        waiting = reading.waiting_uniques(session, [row.id for row in rows])
        wanted = [row for row in rows if row.id not in waiting]
        for row in wanted:
            _cancel_unique(session, row, now)
        if _commit(session):
            return len(wanted)
    return 0


def _cancel_unique(session: Session, row: Unique, now: datetime) -> None:
    made = ServiceRequest(
        account_id=row.circle.account_id,
        kind=RequestKind.CANCEL_UNIQUE,
        circle_id=row.circle_id,
        unique_id=row.id,
        target=row.number,
        requested_at=now,
    )
    session.add(made)
    audit.record(session, "request.cancel_unique", target=row.number, account_id=row.circle.account_id)


def undo(session: Session, scope: Scope, request_ids: Sequence[int], now: datetime) -> int:
    """Take requests of the caller's back and commit; how many still waited. Who carried one out first has won."""
    taken_back = 0
    for request_id in request_ids:
        row = reading.one(session, scope, request_id)
        if row is not None and settle(session, row, RequestState.UNDONE, now):
            audit.record(
                session, "request.undo", target=row.target, account_id=row.account_id, detail={"kind": row.kind}
            )
            taken_back += 1
    session.commit()
    return taken_back


def settle(session: Session, row: ServiceRequest, state: RequestState, now: datetime) -> bool:
    """End a request that still waits; False for one that somebody else ended meanwhile. The caller commits."""
    ended = session.execute(
        update(ServiceRequest)
        .where(ServiceRequest.id == row.id, ServiceRequest.state == RequestState.REQUESTED)
        .values(state=state, settled_at=now)
        .execution_options(synchronize_session=False)
    )
    session.expire(row, ["state", "settled_at"])
    return isinstance(ended, CursorResult) and ended.rowcount == 1


def _commit(session: Session) -> bool:
    """Whether it was written; not when somebody asked for the same in the same moment."""
    try:
        session.commit()
    except IntegrityError:
        session.rollback()
        return False
    return True
