"""Pages go out compressed, by us: a portal without a reverse proxy is as quick, and one behind any is as safe.

Under TLS the length of a compressed page tells something of what is in it (BREACH): a stranger who makes a browser
search for his guesses sees which of them the page holds already. So each page gets a random length on top, in a field
of gzip's header that nobody reads; the token of forms is masked by `app.csrf`; and cookies that are `SameSite=Lax` do
not go along with what a stranger's page fetches. A proxy that compresses by itself does none of this.
"""

import gzip
import secrets
from io import BytesIO

from flask import Flask, Response, request

_SMALLEST = 1000
"""Bytes from which compressing is worth its time."""
_LEVEL = 6
_NOISE = 100
"""At most so many bytes more: as many as Django's pages get."""


def register_compression(app: Flask) -> None:
    """Compress what browsers show, for those that can read it."""

    @app.after_request
    def _compress(response: Response) -> Response:
        if response.mimetype != "text/html" or (response.calculate_content_length() or 0) < _SMALLEST:
            return response
        response.vary.add("Accept-Encoding")
        if request.accept_encodings.best_match(("gzip", "identity"), "identity") == "gzip":
            response.set_data(_compressed(response.get_data()))
            response.content_encoding = "gzip"
        return response


def _compressed(page: bytes) -> bytes:
    packed = BytesIO()
    noise = secrets.token_urlsafe(_NOISE)[: 1 + secrets.randbelow(_NOISE)]
    with gzip.GzipFile(noise, "wb", _LEVEL, packed, mtime=0) as file:
        file.write(page)
    return packed.getvalue()
