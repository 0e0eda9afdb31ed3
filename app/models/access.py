"""Who is logged in: staff, and the sessions of everybody."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.models.base import Base, now
from app.models.enums import stored_enum


class PrincipalKind(StrEnum):
    """Who can log in."""

    ACCOUNT = "account"
    CIRCLE = "circle"
    UNIQUE = "unique"
    STAFF = "staff"


class Staff(Base):
    """Support staff of the operator: may look up any customer's line."""

    __tablename__ = "staff"

    id: Mapped[int] = mapped_column(primary_key=True)
    login_id: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(200))


class LoginSession(Base):
    """One login of one browser. The cookie holds `id`; ending the row ends the login everywhere."""

    __tablename__ = "login_session"
    __table_args__ = (Index("ix_login_session_principal", "kind", "principal_id"),)

    id: Mapped[str] = mapped_column(String(64), primary_key=True)
    kind: Mapped[PrincipalKind] = mapped_column(stored_enum(PrincipalKind))
    principal_id: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(default=now)
    expires_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    address: Mapped[str] = mapped_column(String(64), default="")
    user_agent: Mapped[str] = mapped_column(String(200), default="")
