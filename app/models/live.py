"""Which lines are live, as a condition of SQL: the same that `domain.sign.mode_of` says of one line."""

from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, or_

from app.domain.sign import StatusRule
from app.models.customer import Unique
from app.models.server import SipServer, UniqueType

Columns = TypeVarTuple("Columns")


def is_live() -> ColumnElement[bool]:
    """Whether a line's sign is live; for a query that `with_live` joined."""
    by_itself = and_(UniqueType.rule == StatusRule.LIVE, Unique.ip_authentication.is_(False))
    by_server = and_(UniqueType.rule == StatusRule.BY_SERVER, or_(Unique.server_id.is_(None), SipServer.live))
    return or_(by_itself, by_server)


def with_live(query: Select[*Columns]) -> Select[*Columns]:
    """`query`, which selects from the lines, joined with what `is_live` asks for."""
    return query.join(UniqueType, UniqueType.code == Unique.type_code).outerjoin(
        SipServer, SipServer.id == Unique.server_id
    )
