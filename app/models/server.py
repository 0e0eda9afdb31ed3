"""The SIP servers that lines log in to, and the types of lines."""

from sqlalchemy import CheckConstraint, String
from sqlalchemy.orm import Mapped, mapped_column

from app.domain.sign import StatusRule
from app.models.base import Base
from app.models.enums import stored_enum


class SipServer(Base):
    """ログインサーバー: one registrar and how the workers reach its management interface."""

    __tablename__ = "sip_server"
    __table_args__ = (CheckConstraint("pull_interval > 0", name="pull_interval_positive"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    hostname: Mapped[str] = mapped_column(String(253), unique=True)
    family: Mapped[str] = mapped_column(String(32))
    management_url: Mapped[str] = mapped_column(String(500))
    credentials: Mapped[str | None] = mapped_column(String(200))
    """Where the workers find user and password, never the password itself: ``env:NAME`` or ``file:/path``."""
    options: Mapped[str] = mapped_column(String(2000), default="")
    """What only the family knows, as ``key=value`` separated by spaces: the source, a table's name, a CA file."""
    sip_port: Mapped[int] = mapped_column(default=5060)
    sip_transport: Mapped[str] = mapped_column(String(8), default="udp")
    """udp, tcp or tls: with the hostname and port what a customer types into a phone."""
    live: Mapped[bool] = mapped_column(default=False)
    pull_interval: Mapped[float] = mapped_column(default=5.0)
    """Seconds between two pulls."""


class UniqueType(Base):
    """U種別: decides whether a line of this type has a registration to be shown."""

    __tablename__ = "unique_type"

    code: Mapped[str] = mapped_column(String(32), primary_key=True)
    name_ja: Mapped[str] = mapped_column(String(100))
    name_en: Mapped[str] = mapped_column(String(100))
    rule: Mapped[StatusRule] = mapped_column(stored_enum(StatusRule))
    position: Mapped[int]
    """Where its tab stands in a list."""
