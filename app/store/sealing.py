"""Sealing: what only lies in Redis for a moment, and must not be read there."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PURPOSE = b"tsunagari device password"
"""Cookies are signed with the same secret: another purpose, another key."""


class BrokenSealError(Exception):
    """The sealed text was not sealed with this secret, or was changed."""


def seal(secret: str, text: str) -> bytes:
    """`text`, to be read by nobody who does not know the portal's secret."""
    return _box(secret).encrypt(text.encode())


def unseal(secret: str, sealed: bytes) -> str:
    """The reverse of `seal`. Raises BrokenSealError."""
    try:
        return _box(secret).decrypt(sealed).decode()
    except InvalidToken:
        raise BrokenSealError from None


def _box(secret: str) -> Fernet:
    derived = HKDF(SHA256(), 32, salt=None, info=_PURPOSE).derive(secret.encode())
    return Fernet(base64.urlsafe_b64encode(derived))
