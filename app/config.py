"""The whole configuration, read once from the environment."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from app.mail import transport


class ConfigError(Exception):
    """The environment lacks something or says something impossible; the text is one line for an operator."""


@dataclass(frozen=True, slots=True)
class Config:
    """What every process of the portal must know before it starts."""

    secret_key: str = field(repr=False)
    """Signs cookies and page tokens; at least 32 characters."""
    database_url: str = field(repr=False)
    """SQLAlchemy URL; SQLite for one machine, PostgreSQL for more."""
    redis_url: str = field(repr=False)
    timezone: ZoneInfo
    """Of every time that a page shows."""
    secure_cookies: bool
    """Off only where the portal is reached over plain HTTP, as in the demo."""
    proxies: int
    """How many trusted reverse proxies stand in front and append to X-Forwarded-For."""
    session_hours: int
    cookie_name: str
    """Two portals under one host name need two names: cookies know no ports."""
    history_days: int = 90
    """How long changes of lines are kept."""
    mail_url: str = field(default="", repr=False)
    """How mails go, as `app.mail.transport` reads it; empty where none are sent."""
    mail_from: str = ""
    public_url: str = ""
    """Where customers reach the portal: mailed links begin with it, never with what a request calls us."""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> "Config":
        """Read the environment. Raises ConfigError with what to set."""
        return cls(
            secret_key=_secret(environ),
            database_url=environ.get("DATABASE_URL", "").strip() or _missing("DATABASE_URL"),
            redis_url=environ.get("REDIS_URL", "").strip() or _missing("REDIS_URL"),
            timezone=_zone(environ.get("DISPLAY_TIMEZONE", "Asia/Tokyo")),
            secure_cookies=environ.get("INSECURE_COOKIES", "") != "1",
            proxies=_number(environ, "TRUSTED_PROXIES", 0),
            session_hours=_number(environ, "SESSION_HOURS", 12),
            cookie_name=environ.get("COOKIE_NAME", "tsunagari"),
            history_days=_number(environ, "HISTORY_DAYS", 90, least=1, most=3650),
            **_mail(environ),
        )


def _missing(name: str) -> str:
    raise ConfigError(f"{name} is not set: see the README's configuration table")


def _secret(environ: Mapping[str, str]) -> str:
    path = environ.get("SECRET_KEY_FILE")
    if path:
        try:
            secret = Path(path).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigError(f"SECRET_KEY_FILE can't be read: {error.strerror}") from None
    else:
        secret = environ.get("SECRET_KEY", "") or _missing("SECRET_KEY (or SECRET_KEY_FILE)")
    if len(secret) < 32:
        raise ConfigError("the secret key is shorter than 32 characters")
    return secret


def _mail(environ: Mapping[str, str]) -> dict[str, str]:
    url = environ.get("MAIL_URL", "").strip()
    if not url:
        return {}
    try:
        transport(url)
    except ValueError as error:
        raise ConfigError(f"MAIL_URL: {error}") from None
    public = (environ.get("PUBLIC_URL", "").strip() or _missing("PUBLIC_URL (needed with MAIL_URL)")).rstrip("/")
    parts = urlsplit(public)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.query or parts.fragment:
        raise ConfigError("PUBLIC_URL must be the portal's address, such as https://portal.example.jp")
    sender = environ.get("MAIL_FROM", "").strip() or f"no-reply@{parts.hostname}"
    if "@" not in parseaddr(sender)[1]:
        raise ConfigError("MAIL_FROM must be a mail address, such as no-reply@example.jp")
    return {"mail_url": url, "mail_from": sender, "public_url": public}


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        raise ConfigError(f"DISPLAY_TIMEZONE {name!r} is no time zone") from None


def _number(environ: Mapping[str, str], name: str, default: int, *, least: int = 0, most: int = 10**9) -> int:
    text = environ.get(name, str(default))
    if not text.isascii() or not text.isdigit():
        raise ConfigError(f"{name} must be a whole number, not {text!r}")
    if not least <= int(text[:20]) <= most:
        raise ConfigError(f"{name} must be between {least} and {most}, not {text[:20]}")
    return int(text)
