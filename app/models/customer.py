"""Customers and what is theirs: accounts own circles, circles hold uniques."""

from datetime import date, datetime
from enum import StrEnum

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship, validates

from app.domain.search import fold, phone_digits
from app.models.base import Base, key_text, now
from app.models.enums import stored_enum
from app.models.server import SipServer, UniqueType

# What searches compare can be longer than what was typed (㍿ is four characters there), and is cut to its column.
_NAME = 200
_PHONE = 32
_CIRCLE_WORDS = ("user_information", "department", "person_in_charge")
_CIRCLE_KEY = 700


class CircleState(StrEnum):
    """利用中, 解約済 and その他."""

    IN_USE = "in_use"
    CANCELLED = "cancelled"
    OTHER = "other"


class Account(Base):
    """アカウント: a customer."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    login_id: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    email: Mapped[str] = mapped_column(String(254))
    name: Mapped[str] = mapped_column(String(200))
    locale: Mapped[str | None] = mapped_column(String(8))
    created_at: Mapped[datetime] = mapped_column(default=now)

    circles: Mapped[list["Circle"]] = relationship(back_populates="account")


class Circle(Base):
    """サークル: lines that belong together, one PBX. `number` is also its login ID."""

    __tablename__ = "circle"

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"), index=True)
    number: Mapped[str] = mapped_column(key_text(32), unique=True)
    password_hash: Mapped[str | None] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(254))
    administrator: Mapped[bool] = mapped_column(default=False)
    """Whether this is the account administrator's own circle, which the list marks."""
    user_information: Mapped[str] = mapped_column(String(200), default="")
    department: Mapped[str] = mapped_column(String(200), default="")
    person_in_charge: Mapped[str] = mapped_column(String(200), default="")
    applied_on: Mapped[date]
    state: Mapped[CircleState] = mapped_column(stored_enum(CircleState), default=CircleState.IN_USE)
    search_key: Mapped[str] = mapped_column(String(_CIRCLE_KEY), default="", server_default="")
    """User information, department and person in charge as searches compare them, one a line."""

    account: Mapped[Account] = relationship(back_populates="circles")
    uniques: Mapped[list["Unique"]] = relationship(back_populates="circle")

    @validates(*_CIRCLE_WORDS)
    def _keep_search_key(self, field: str, value: str) -> str:
        words = {name: getattr(self, name) or "" for name in _CIRCLE_WORDS} | {field: value}
        self.search_key = "\n".join(fold(words[name]) for name in _CIRCLE_WORDS)[:_CIRCLE_KEY]
        return value


class Unique(Base):
    """ユニーク: one line. `number` is its UID and its login ID, `aor` its key at the login server."""

    __tablename__ = "unique"
    __table_args__ = (
        UniqueConstraint("server_id", "aor"),
        Index("ix_unique_circle_id_number", "circle_id", "number"),
        # Holds everything that counting the live lines of a circle wants.
        Index("ix_unique_circle_id_server_id", "circle_id", "server_id", "type_code", "ip_authentication"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    circle_id: Mapped[int] = mapped_column(ForeignKey("circle.id"))
    number: Mapped[str] = mapped_column(key_text(32), unique=True)
    type_code: Mapped[str] = mapped_column(ForeignKey("unique_type.code"))
    server_id: Mapped[int | None] = mapped_column(ForeignKey("sip_server.id"))
    aor: Mapped[str] = mapped_column(String(255))
    ip_authentication: Mapped[bool] = mapped_column(default=False)
    """The peer is known by its address and never registers; only SIPトランク2 knows this."""
    password_hash: Mapped[str | None] = mapped_column(String(255))
    name: Mapped[str] = mapped_column(String(200), default="")
    affiliation: Mapped[str] = mapped_column(String(200), default="")
    note: Mapped[str] = mapped_column(Text, default="")
    pickup_group: Mapped[str] = mapped_column(String(64), default="")
    incoming_extension: Mapped[str] = mapped_column(String(32), default="")
    incoming_phone: Mapped[str] = mapped_column(String(32), default="")
    incoming_kind: Mapped[str] = mapped_column(String(64), default="")
    outgoing_extension: Mapped[str] = mapped_column(String(32), default="")
    outgoing_phone: Mapped[str] = mapped_column(String(32), default="")
    outgoing_kind: Mapped[str] = mapped_column(String(64), default="")
    name_key: Mapped[str] = mapped_column(key_text(200), default="", index=True)
    """`name` as searches compare it."""
    incoming_digits: Mapped[str] = mapped_column(key_text(32), default="", index=True)
    """`incoming_phone` as searches compare it."""
    outgoing_digits: Mapped[str] = mapped_column(key_text(32), default="", index=True)
    """`outgoing_phone` as searches compare it."""

    circle: Mapped[Circle] = relationship(back_populates="uniques")
    type: Mapped[UniqueType] = relationship()
    server: Mapped[SipServer | None] = relationship()

    @validates("name", "incoming_phone", "outgoing_phone")
    def _keep_search_keys(self, field: str, value: str) -> str:
        if field == "name":
            self.name_key = fold(value)[:_NAME]
        elif field == "incoming_phone":
            self.incoming_digits = phone_digits(value)[:_PHONE]
        else:
            self.outgoing_digits = phone_digits(value)[:_PHONE]
        return value
