"""What happened to lines: each change of state, and when their servers were heard at all."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.changes import LineState
from app.domain.standing import Cause
from app.models.base import Base
from app.models.enums import stored_enum

_BIG = BigInteger().with_variant(Integer, "sqlite")
"""There may be billions of changes; SQLite counts by itself in a column of this type only."""


class LineChange(Base):
    """One change of one line's state; a phone that only refreshes changes nothing."""

    __tablename__ = "line_change"
    __table_args__ = (
        # What is told twice, by a worker that died between two steps, is written once.
        UniqueConstraint("unique_id", "at", "after"),
        Index("ix_line_change_circle_id_at", "circle_id", "at"),
        Index("ix_line_change_at", "at"),
    )

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    unique_id: Mapped[int] = mapped_column(ForeignKey("unique.id", ondelete="CASCADE"))
    circle_id: Mapped[int] = mapped_column(ForeignKey("circle.id", ondelete="CASCADE"))
    at: Mapped[datetime]
    before: Mapped[LineState | None] = mapped_column(stored_enum(LineState))
    """None where nobody knows: the line was seen for the first time."""
    after: Mapped[LineState] = mapped_column(stored_enum(LineState))
    source: Mapped[str | None] = mapped_column(String(200))
    """host:port of the phone that came, or was there last."""
    user_agent: Mapped[str | None] = mapped_column(String(200))
    cause: Mapped[Cause] = mapped_column(stored_enum(Cause))


class CoverageCause(StrEnum):
    """Why a server was not heard before a span of time in which it was."""

    FIRST = "first"
    NO_ANSWER = "no_answer"
    """It did not answer, or its answers were not believed."""
    NOT_ASKED = "not_asked"
    """The portal itself did not ask."""


class Coverage(Base):
    """A span of time in which a server was heard without a gap: what is not covered is not known."""

    __tablename__ = "coverage"
    __table_args__ = (Index("ix_coverage_server_id_until", "server_id", "until"),)

    id: Mapped[int] = mapped_column(_BIG, primary_key=True)
    server_id: Mapped[int] = mapped_column(ForeignKey("sip_server.id", ondelete="CASCADE"))
    since: Mapped[datetime]
    until: Mapped[datetime]
    cause: Mapped[CoverageCause] = mapped_column(stored_enum(CoverageCause))
    problem: Mapped[str | None] = mapped_column(String(32))
    """The problem's word, where the server did not answer before."""
