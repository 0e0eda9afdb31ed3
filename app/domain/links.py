"""Links that are mailed: what they look like, and how long they are good. Only a digest of their secret is kept."""

from datetime import timedelta
from hashlib import sha256

GOOD_FOR = timedelta(minutes=30)
SET_PASSWORD = "/links/password/"  # noqa: S105 - a path
CONFIRM_EMAIL = "/links/email/"


def link_digest(secret: str) -> str:
    """What is stored of a link's secret: 64 hexadecimal characters."""
    return sha256(secret.encode("utf-8", "surrogateescape")).hexdigest()
