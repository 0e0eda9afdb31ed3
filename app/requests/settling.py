"""What the operator does with a request: carry it out in the portal too, or refuse it."""

from collections.abc import Sequence
from datetime import date, datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app import audit
from app.audit import Actor
from app.auth import sessions
from app.models import (
    Circle,
    CircleState,
    MailedLink,
    PrincipalKind,
    RequestKind,
    RequestState,
    ServiceRequest,
    Unique,
)
from app.requests.asking import Wish, settle
from app.scope import Scope

_NUMBER = 32


class SettlingError(Exception):
    """A request can't be settled so; the text is one line for an operator."""


def waiting(session: Session, *, settled: bool) -> list[ServiceRequest]:
    """The requests that wait, or all of them; the oldest first."""
    query = select(ServiceRequest).order_by(ServiceRequest.requested_at, ServiceRequest.id)
    if not settled:
        query = query.where(ServiceRequest.state == RequestState.REQUESTED)
    return list(session.scalars(query))


def refuse(session: Session, request_id: int, by: Actor, now: datetime) -> ServiceRequest:
    """Refuse a request and commit. Raises SettlingError."""
    row = _end(session, request_id, RequestState.REFUSED, now)
    audit.record(session, "request.refuse", target=row.target, account_id=row.account_id, by=by)
    session.commit()
    return row


def server_of(session: Session, request_id: int) -> int | None:
    """The server of the line that a request is about; its lines are to be counted anew when this one goes."""
    query = select(Unique.server_id).join(ServiceRequest, ServiceRequest.unique_id == Unique.id)
    return session.scalar(query.where(ServiceRequest.id == request_id))


def carry_out(session: Session, request_id: int, number: str | None, by: Actor, now: datetime) -> ServiceRequest:
    """Do what was asked for and commit: the circle is there or cancelled, the line is gone. Raises SettlingError.

    `number` is that of a circle that is added, and of nothing else. Pages that the line itself has open are sent to the
    login page by their next poll.
    """
    row = _end(session, request_id, RequestState.CARRIED_OUT, now)
    ended: Sequence[str] = ()
    if (number is not None) is not (row.kind is RequestKind.ADD_CIRCLE):
        raise SettlingError("a number goes with a circle that is added, and only with that")
    if number is not None:
        _add_circle(session, row, number, now.date())
    elif row.kind is RequestKind.CANCEL_CIRCLE:
        session.execute(update(Circle).where(Circle.id == row.circle_id).values(state=CircleState.CANCELLED))
    else:
        ended = _remove_line(session, row.unique_id)
    audit.record(session, "request.carry_out", target=row.target, account_id=row.account_id, by=by)
    session.commit()
    sessions.forget(ended)
    return row


def _end(session: Session, request_id: int, state: RequestState, now: datetime) -> ServiceRequest:
    row = session.get(ServiceRequest, request_id)
    if row is None:
        raise SettlingError(f"there is no request {request_id}")
    if not settle(session, row, state, now):
        raise SettlingError(f"request {request_id} is {row.state.value} already")
    return row


def _add_circle(session: Session, row: ServiceRequest, number: str, today: date) -> None:
    if not number.isascii() or not number.isalnum() or len(number) > _NUMBER:
        raise SettlingError(f"a circle's number is up to {_NUMBER} letters and digits")
    if session.scalar(select(Circle.id).where(Circle.number == number)) is not None:
        raise SettlingError(f"there is a circle {number} already")
    wish = Wish.of(row)
    made = Circle(
        account_id=row.account_id,
        number=number,
        user_information=wish.user_information,
        department=wish.department,
        person_in_charge=wish.person_in_charge,
        applied_on=today,
    )
    session.add(made)
    session.flush()
    row.circle_id, row.target = made.id, number


def _remove_line(session: Session, unique_id: int | None) -> Sequence[str]:
    """The row and its logins go; the requests about it stay, with its number. The sessions that were open."""
    if unique_id is None:
        return ()
    session.execute(update(ServiceRequest).where(ServiceRequest.unique_id == unique_id).values(unique_id=None))
    # A database may give the id to another line some day: no login or link of this one may outlive it.
    ended = sessions.close(session, Scope(PrincipalKind.UNIQUE, unique_id))
    session.execute(
        delete(MailedLink).where(MailedLink.kind == PrincipalKind.UNIQUE, MailedLink.principal_id == unique_id)
    )
    session.execute(delete(Unique).where(Unique.id == unique_id))
    return ended
