"""What customers asked the operator to add or to cancel, what they were sent links for, and who wrote what."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from app.models.access import PrincipalKind
from app.models.base import Base, now
from app.models.customer import Circle, Unique
from app.models.enums import stored_enum


class RequestKind(StrEnum):
    """サークル追加, サークル解約 and (ユニークの) 解約."""

    ADD_CIRCLE = "add_circle"
    CANCEL_CIRCLE = "cancel_circle"
    CANCEL_UNIQUE = "cancel_unique"


class RequestState(StrEnum):
    """Where a request stands: the customer may take it back until the operator has carried it out."""

    REQUESTED = "requested"
    UNDONE = "undone"
    CARRIED_OUT = "carried_out"
    REFUSED = "refused"


_WAITING = "state = 'requested'"


def _where(condition: str) -> dict[str, Any]:
    """A partial index, in the words of both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


class ServiceRequest(Base):
    """購入/解約: one thing that a customer asked for. What is asked for already is not asked for twice."""

    __tablename__ = "service_request"
    __table_args__ = (
        Index("uq_service_request_waiting_unique", "unique_id", unique=True, **_where(_WAITING)),
        Index(
            "uq_service_request_waiting_circle",
            "circle_id",
            unique=True,
            **_where(f"{_WAITING} AND kind = 'cancel_circle'"),
        ),
        Index("ix_service_request_account_id_requested_at", "account_id", "requested_at"),
        Index("ix_service_request_unique_id_state", "unique_id", "state"),
        Index("ix_service_request_circle_id_state", "circle_id", "state"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[RequestKind] = mapped_column(stored_enum(RequestKind))
    state: Mapped[RequestState] = mapped_column(stored_enum(RequestState), default=RequestState.REQUESTED)
    circle_id: Mapped[int | None] = mapped_column(ForeignKey("circle.id"))
    """Of the circle that is to be cancelled, or that holds the line."""
    unique_id: Mapped[int | None] = mapped_column(ForeignKey("unique.id"))
    target: Mapped[str] = mapped_column(String(32), default="", server_default="")
    """The number of the circle or line; it stays when the row has gone."""
    wish: Mapped[str] = mapped_column(Text, default="")
    """For a circle to be added: user information, department, person in charge and remarks, as JSON."""
    requested_at: Mapped[datetime] = mapped_column(default=now)
    settled_at: Mapped[datetime | None]
    """When it was taken back, carried out or refused."""

    circle: Mapped[Circle | None] = relationship()
    unique: Mapped[Unique | None] = relationship()


class LinkPurpose(StrEnum):
    """What a mailed link lets its holder do."""

    SET_PASSWORD = "set_password"  # noqa: S105 - a purpose's word
    CONFIRM_EMAIL = "confirm_email"


class MailedLink(Base):
    """A single-use link that was mailed. Only a digest of its secret is kept."""

    __tablename__ = "mailed_link"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    purpose: Mapped[LinkPurpose] = mapped_column(stored_enum(LinkPurpose))
    kind: Mapped[PrincipalKind] = mapped_column(stored_enum(PrincipalKind))
    principal_id: Mapped[int]
    email: Mapped[str] = mapped_column(String(254), default="")
    """The address that opening the link confirms."""
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class AuditEntry(Base):
    """One write by a customer or by staff: who, what, when, from where."""

    __tablename__ = "audit_entry"
    __table_args__ = (Index("ix_audit_entry_account_id_at", "account_id", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[datetime] = mapped_column(default=now)
    account_id: Mapped[int | None] = mapped_column(ForeignKey("account.id"))
    """Whose data it was; None for what belongs to no customer."""
    kind: Mapped[PrincipalKind] = mapped_column(stored_enum(PrincipalKind))
    principal_id: Mapped[int]
    who: Mapped[str] = mapped_column(String(200))
    """The principal's login ID at that time."""
    address: Mapped[str] = mapped_column(String(64), default="")
    action: Mapped[str] = mapped_column(String(64))
    target: Mapped[str] = mapped_column(String(200), default="")
    """The number of the circle or unique, or what else was written."""
    detail: Mapped[str] = mapped_column(Text, default="")
    """What changed, as JSON; never a password."""


class NavigationLink(Base):
    """An entry of the navigation that leads to another system of the operator's, such as 通話履歴."""

    __tablename__ = "navigation_link"

    key: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_ja: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
    url: Mapped[str] = mapped_column(String(500))
    position: Mapped[int] = mapped_column(default=0)
