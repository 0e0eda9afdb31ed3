"""Headers that every answer carries."""

from flask import Flask, Response, request

_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
_YEAR = 365 * 24 * 3600


def register_headers(app: Flask) -> None:
    """Send them with everything, errors included."""

    @app.after_request
    def _headers(response: Response) -> Response:
        # A view that shows less may be stricter.
        response.headers.setdefault("Content-Security-Policy", _POLICY)
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Permissions-Policy"] = "camera=(), geolocation=(), microphone=()"
        if request.is_secure:
            response.headers["Strict-Transport-Security"] = f"max-age={_YEAR}"
        if request.endpoint != "static":
            # Pages hold customers' data and signs that age: no cache may keep them.
            response.headers["Cache-Control"] = "no-store"
        return response
