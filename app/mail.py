"""Mails to customers: rendered from `templates/mail`, and sent the way that MAIL_URL says. Knows nothing of Flask."""

import re
import secrets
import smtplib
import ssl
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from functools import partial
from pathlib import Path
from urllib.parse import SplitResult, unquote, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

_SMTP_PORT = 587
_SMTPS_PORT = 465
_PATIENCE = 10.0
"""Seconds for one step of the conversation with the mail server."""

_WORD = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?=.{{1,64}}@){_WORD}(?:\.{_WORD})*@(?:{_LABEL}\.)+{_LABEL}")

_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "templates" / "mail"),
    autoescape=select_autoescape(("html",)),
    undefined=StrictUndefined,
    keep_trailing_newline=True,
    trim_blocks=True,
)


class MailError(Exception):
    """A mail could not be handed over; the text says why, without addresses, links or passwords."""


Transport = Callable[[EmailMessage], None]
"""Hands a message over for good. Raises MailError."""


@dataclass(frozen=True, slots=True)
class Post:
    """Where mails are handed over, from whom they come, and where their links lead."""

    url: str = field(repr=False)
    """As `transport` reads it; empty where no mails are sent."""
    sender: str
    public_url: str

    def send(self, template: str, language: str, *, to: str, **values: object) -> None:
        """Compose a mail and hand it over. Raises MailError."""
        if not self.url:
            raise MailError("MAIL_URL is not set for the workers")
        transport(self.url)(compose(template, language, sender=self.sender, to=to, **values))


def compose(template: str, language: str, *, sender: str, to: str, **values: object) -> EmailMessage:
    """A message from `templates/mail/<template>.<language>.txt`, whose first line is the subject."""
    text = _TEMPLATES.get_template(f"{template}.{language}.txt").render(values)
    subject, _, body = text.partition("\n")
    message = EmailMessage()
    message["Subject"] = subject
    message["From"] = sender
    message["To"] = to
    message["Date"] = format_datetime(datetime.now(UTC))
    message["Message-ID"] = make_msgid(domain=sender.rpartition("@")[2].rstrip(">"))
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(body.lstrip("\n"))
    return message


def is_address(text: str) -> bool:
    """Whether `text` is one plain mail address, fit for a header and for every mail server."""
    return len(text) <= 254 and _ADDRESS.fullmatch(text) is not None


def transport(url: str) -> Transport:
    """How `url` says that mails go: `smtp:`, `smtps:`, `file:///folder` or `console:`. Raises ValueError."""
    parts = urlsplit(url)
    if parts.scheme in ("smtp", "smtps") and parts.hostname and _port(parts):
        return partial(_send, parts)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return partial(_write, Path(unquote(parts.path)))
    if parts.scheme == "console":
        return _print
    raise ValueError("neither smtp://host, smtps://host, file:///folder nor console:")


def _port(parts: SplitResult) -> int:
    return parts.port or (_SMTPS_PORT if parts.scheme == "smtps" else _SMTP_PORT)


def _send(parts: SplitResult, message: EmailMessage) -> None:
    try:
        with _connected(parts) as server:
            if parts.username:
                server.login(unquote(parts.username), unquote(parts.password or ""))
            server.send_message(message)
    except smtplib.SMTPNotSupportedError:
        raise MailError("the mail server offers no STARTTLS or no login, and MAIL_URL holds a password") from None
    except smtplib.SMTPResponseException as error:
        raise MailError(f"the mail server answered {error.smtp_code}") from None
    except (smtplib.SMTPException, OSError) as error:
        raise MailError(f"the mail server can't be used: {type(error).__name__}") from None


def _connected(parts: SplitResult) -> smtplib.SMTP:
    """Encrypted wherever the server can; a password never goes unencrypted."""
    host, context = parts.hostname or "", ssl.create_default_context()
    if parts.scheme == "smtps":
        return smtplib.SMTP_SSL(host, _port(parts), timeout=_PATIENCE, context=context)
    server = smtplib.SMTP(host, _port(parts), timeout=_PATIENCE)
    try:
        server.ehlo()
        if parts.username or server.has_extn("starttls"):
            server.starttls(context=context)
    except BaseException:
        server.close()
        raise
    return server


def _write(folder: Path, message: EmailMessage) -> None:
    name = f"{datetime.now(UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(4)}.eml"
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        partly = folder / f".{name}"
        partly.touch(mode=0o600)
        partly.write_bytes(bytes(message))
        partly.rename(folder / name)
    except OSError as error:
        raise MailError(f"the mail's file can't be written: {error.strerror}") from None


def _print(message: EmailMessage) -> None:
    sys.stdout.write(f"{message['To']}\n{message['Subject']}\n\n{message.get_content()}\n")
    sys.stdout.flush()
