"""Reads of requests, in the caller's scope."""

from collections.abc import Iterable

from sqlalchemy import ColumnElement, Select, and_, false, func, select
from sqlalchemy.orm import Session

from app.directory import PAGE_SIZE, Page
from app.lists.wanted import Wanted
from app.models import PrincipalKind, RequestKind, RequestState, ServiceRequest
from app.scope import Scope

TABS = tuple(state.value for state in RequestState)


def requests_of(scope: Scope) -> ColumnElement[bool]:
    """The condition under which the caller may see a request; what concerns the contract is the account's alone."""
    if scope.kind is PrincipalKind.ACCOUNT:
        return ServiceRequest.account_id == scope.id
    if scope.kind is PrincipalKind.CIRCLE:
        return and_(ServiceRequest.circle_id == scope.id, ServiceRequest.kind == RequestKind.CANCEL_UNIQUE)
    return false()


def may_ask(scope: Scope, kind: RequestKind) -> bool:
    """Whether this kind of principal may ask for it."""
    if scope.kind is PrincipalKind.CIRCLE:
        return kind is RequestKind.CANCEL_UNIQUE
    return scope.kind is PrincipalKind.ACCOUNT


def tabs(session: Session, scope: Scope) -> dict[str, int]:
    """How many of the caller's requests stand under each tab; under the empty word all."""
    query = select(ServiceRequest.state, func.count()).where(requests_of(scope)).group_by(ServiceRequest.state)
    found = {state.value: count for state, count in session.execute(query)}
    return {"": sum(found.values())} | {tab: found.get(tab, 0) for tab in TABS}


def page(session: Session, scope: Scope, wanted: Wanted, total: int) -> Page[ServiceRequest]:
    """The wanted page of the wanted tab, which holds `total` requests; the newest first."""
    query = select(ServiceRequest).where(requests_of(scope))
    if wanted.tab:
        query = query.where(ServiceRequest.state == RequestState(wanted.tab))
    query = query.order_by(ServiceRequest.requested_at.desc(), ServiceRequest.id.desc())
    number = min(wanted.page, Page([], 1, total).last)
    rows = session.scalars(query.limit(PAGE_SIZE).offset((number - 1) * PAGE_SIZE)).all()
    return Page(rows, number, total)


def one(session: Session, scope: Scope, request_id: int) -> ServiceRequest | None:
    """One request; None for one that does not exist or is somebody else's."""
    return session.scalar(select(ServiceRequest).where(ServiceRequest.id == request_id, requests_of(scope)))


def waiting_uniques(session: Session, unique_ids: Iterable[int]) -> dict[int, ServiceRequest]:
    """Which of some lines, all of them the caller's, are to be cancelled; by their ids."""
    query = _waiting(RequestKind.CANCEL_UNIQUE).where(ServiceRequest.unique_id.in_(list(unique_ids)))
    return {row.unique_id: row for row in session.scalars(query) if row.unique_id is not None}


def waiting_circles(session: Session, circle_ids: Iterable[int]) -> dict[int, ServiceRequest]:
    """The same of circles."""
    query = _waiting(RequestKind.CANCEL_CIRCLE).where(ServiceRequest.circle_id.in_(list(circle_ids)))
    return {row.circle_id: row for row in session.scalars(query) if row.circle_id is not None}


def _waiting(kind: RequestKind) -> Select[ServiceRequest]:
    return select(ServiceRequest).where(ServiceRequest.kind == kind, ServiceRequest.state == RequestState.REQUESTED)
