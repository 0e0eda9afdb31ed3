"""How many there are of what lists count: kept by triggers of the database, whoever writes, so that no page counts."""

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base
from app.models.customer import CircleState
from app.models.enums import stored_enum

NO_SERVER = 0
"""Stands for the server of lines without one: a key holds no NULL."""


class LineTally(Base):
    """The lines of one circle that are alike in all that counts are about. Never written by the portal itself."""

    __tablename__ = "line_tally"

    circle_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    server_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    type_code: Mapped[str] = mapped_column(String(32), primary_key=True)
    ip_authentication: Mapped[bool] = mapped_column(primary_key=True)
    lines: Mapped[int]
    """0 where there were some."""


class CircleTally(Base):
    """The circles of one account in one state. Never written by the portal itself."""

    __tablename__ = "circle_tally"

    account_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    state: Mapped[CircleState] = mapped_column(stored_enum(CircleState), primary_key=True)
    circles: Mapped[int]
    """0 where there were some."""
