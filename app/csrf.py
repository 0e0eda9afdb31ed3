"""The token of a form, which looks different in each page.

Pages are compressed, and what is compressed beside a stranger's guesses (the words of a search) could be guessed by its
length. A token that never looks the same twice can't.
"""

import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode

from flask import Flask, g
from flask_wtf.csrf import CSRFProtect, generate_csrf


class MaskedCsrf(CSRFProtect):  # type: ignore[misc] # Flask-WTF carries no types
    """Flask-WTF's protection; what it signs is masked on its way out and back."""

    def init_app(self, app: Flask) -> None:
        """Protect every write, and give the templates `csrf_token`."""
        super().init_app(app)
        # After Flask-WTF's own, which it replaces.
        app.context_processor(lambda: {"csrf_token": _token})

    def _get_csrf_token(self) -> str | None:
        return _unmasked(super()._get_csrf_token() or "")


def _token() -> str:
    """The same for all forms of one page."""
    if "masked_csrf" not in g:
        g.masked_csrf = _masked(generate_csrf())
    return str(g.masked_csrf)


def _masked(token: str) -> str:
    plain = token.encode()
    pad = secrets.token_bytes(len(plain))
    return urlsafe_b64encode(pad + _xor(pad, plain)).decode()


def _unmasked(sent: str) -> str | None:
    """The reverse; None for what was not masked here."""
    try:
        both = urlsafe_b64decode(sent.encode("ascii"))
        return _xor(both[: len(both) // 2], both[len(both) // 2 :]).decode("ascii")
    except ValueError:
        return None


def _xor(pad: bytes, text: bytes) -> bytes:
    return bytes(one ^ other for one, other in zip(pad, text, strict=True))
