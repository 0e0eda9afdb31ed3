"""Which lines are live, as a condition of SQL: the same that `domain.sign.mode_of` says of one line."""

from typing import TypeVarTuple

from sqlalchemy import ColumnElement, Select, and_, or_

from app.domain.sign import StatusRule
from app.models.customer import Unique
from app.models.server import SipServer, UniqueType
from app.models.tally import LineTally

Columns = TypeVarTuple("Columns")
Lines = type[Unique] | type[LineTally]
"""A table of lines, one by one or counted."""


def is_live(lines: Lines = Unique) -> ColumnElement[bool]:
    """Whether the sign of `lines` is live; for a query that `with_live` joined."""
    by_itself = and_(UniqueType.rule == StatusRule.LIVE, lines.ip_authentication.is_(False))
    by_server = and_(UniqueType.rule == StatusRule.BY_SERVER, or_(SipServer.id.is_(None), SipServer.live))
    return or_(by_itself, by_server)


def with_live(query: Select[*Columns], lines: Lines = Unique) -> Select[*Columns]:
    """`query`, which selects from `lines`, joined with what `is_live` asks for."""
    return query.join(UniqueType, UniqueType.code == lines.type_code).outerjoin(
        SipServer, SipServer.id == lines.server_id
    )
