"""Headers that every answer carries."""

from flask import Flask, Response, request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_YEAR = 365 * 24 * 3600
_ALWAYS = (
    ("X-Content-Type-Options", "nosniff"),
    ("Referrer-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Permissions-Policy", "camera=(), geolocation=(), microphone=()"),
)
_SECURE = ("Strict-Transport-Security", f"max-age={_YEAR}")
# Pages hold customers' data and signs that age: no cache may keep them.
_NOT_KEPT = ("Cache-Control", "no-store")


def headers_of(*, secure: bool) -> list[tuple[str, str]]:
    """The headers of an answer that holds nothing."""
    return [("Content-Security-Policy", _POLICY), *_ALWAYS, *((_SECURE,) if secure else ()), _NOT_KEPT]


def register_headers(app: Flask) -> None:
    """Send them with everything, errors included."""

    @app.after_request
    def _headers(response: Response) -> Response:
        # A view that shows less may be stricter.
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        for name, value in _ALWAYS:
            response.headers[name] = value
        if request.is_secure:
            response.headers[_SECURE[0]] = _SECURE[1]
        # Only files of ours say otherwise.
        response.headers.setdefault(*_NOT_KEPT)
        return response
