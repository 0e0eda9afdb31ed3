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
_CIRCLE_ORDERS = (*((word, "number") for word in (*_CIRCLE_WORDS, "applied_on")), ("number",))
_LINE_ORDERS = (("name_key", "number"), ("affiliation", "number"), ("number",))


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
    # The list of an account's circles is read in each of its orders, of all states or one, from such an index.
    __table_args__ = tuple(
        Index(f"ix_circle_list_{'state_' if state else ''}{'_'.join(keys)}", "account_id", *state, *keys)
        for state in ((), ("state",))
        for keys in _CIRCLE_ORDERS
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    account_id: Mapped[int] = mapped_column(ForeignKey("account.id"))
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
        # The list of a circle's lines is read in each of its orders, of all types or one, from such an index.
        *(
            Index(f"ix_unique_list_{'type_' if kind else ''}{'_'.join(keys)}", "circle_id", *kind, *keys)
            for kind in ((), ("type_code",))
            for keys in _LINE_ORDERS
        ),
        # Tells at once whether a server has lines that are live by their type alone.
        Index("ix_unique_server_id_type_code", "server_id", "type_code", "ip_authentication"),
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
    incoming_extension: Mapped[str] = mapped_column(String(32), default="", index=True)
    incoming_phone: Mapped[str] = mapped_column(String(32), default="")
    incoming_kind: Mapped[str] = mapped_column(String(64), default="")
    outgoing_extension: Mapped[str] = mapped_column(String(32), default="", index=True)
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
