"""The tables of the portal, as SQLAlchemy 2 typed models."""

from app.models.access import LoginSession, PrincipalKind, Staff
from app.models.base import Base
from app.models.customer import Account, Circle, CircleState, Unique
from app.models.history import Coverage, CoverageCause, LineChange
from app.models.holders import Holder, account_of, holder, holder_of, login_id_of, registered_email
from app.models.live import is_live, with_live
from app.models.request import (
    AuditEntry,
    LinkPurpose,
    MailedLink,
    NavigationLink,
    RequestKind,
    RequestState,
    ServiceRequest,
)
from app.models.server import SipServer, UniqueType
from app.models.tally import NO_SERVER, CircleTally, LineTally

__all__ = [
    "NO_SERVER",
    "Account",
    "AuditEntry",
    "Base",
    "Circle",
    "CircleState",
    "CircleTally",
    "Coverage",
    "CoverageCause",
    "Holder",
    "LineChange",
    "LineTally",
    "LinkPurpose",
    "LoginSession",
    "MailedLink",
    "NavigationLink",
    "PrincipalKind",
    "RequestKind",
    "RequestState",
    "ServiceRequest",
    "SipServer",
    "Staff",
    "Unique",
    "UniqueType",
    "account_of",
    "holder",
    "holder_of",
    "is_live",
    "login_id_of",
    "registered_email",
    "with_live",
]
