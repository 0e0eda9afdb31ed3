"""Static files: each at an address with a digest of its content, so that a browser asks for it once and never again.

They are compressed once a process, not by a build step that a checkout might have missed. WhiteNoise would serve them
past Flask, and so without our headers, and names nothing by its content outside Django.
"""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any

import brotli
from flask import Flask, Response, abort, request
from flask.sessions import SecureCookieSessionInterface, SessionMixin
from werkzeug.wrappers import Response as BaseResponse

_FOLDER = Path(__file__).parent / "static"
_TYPES = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml", "": "text/plain"}
_YEAR = 365 * 24 * 3600
_PLAIN = "identity"


@dataclass(frozen=True, slots=True)
class _Asset:
    """One file."""

    path: Path
    digest: str


def register_assets(app: Flask) -> None:
    """Serve the files, and let `url_for("static", filename=…)` lead to what they hold now."""
    app.add_url_rule("/static/<path:filename>", "static", _serve)
    app.session_interface = _Sessions()

    @app.url_defaults
    def _name_the_content(endpoint: str, values: dict[str, Any]) -> None:
        if endpoint == "static" and (asset := _assets().get(values["filename"])):
            values["filename"] = f"{asset.digest}/{values['filename']}"


class _Sessions(SecureCookieSessionInterface):
    """Cookies as ever; but the same file is for everybody, whoever looked at the cookie on the way."""

    def save_session(self, app: Flask, session: SessionMixin, response: Response) -> None:
        """Not for a file: with `Vary: Cookie` a browser would fetch all of them anew after each login."""
        if request.endpoint != "static" or response.status_code >= 400:
            super().save_session(app, session, response)


def _serve(filename: str) -> BaseResponse:
    """A file at its content's address, for ever; or under its mere name, to be asked for again each time."""
    digest, _, name = filename.partition("/")
    asset = _assets().get(name)
    if asset is not None and asset.digest == digest:
        answer = _answer(asset)
        answer.headers["Cache-Control"] = f"public, max-age={_YEAR}, immutable"
    elif asset := _assets().get(filename):
        answer = _answer(asset)
        answer.headers["Cache-Control"] = "no-cache"
    else:
        abort(404)
    return answer.make_conditional(request)


def _answer(asset: _Asset) -> Response:
    bodies = _bodies(asset)
    coding = request.accept_encodings.best_match(bodies, _PLAIN) or _PLAIN
    answer = Response(bodies[coding], mimetype=_TYPES[asset.path.suffix])
    # What is the same file in another coding is another answer: a cache must not take one for the other.
    answer.set_etag(f"{asset.digest}-{coding}")
    answer.vary.add("Accept-Encoding")
    if coding != _PLAIN:
        answer.content_encoding = coding
    return answer


@cache
def _assets() -> Mapping[str, _Asset]:
    """All files, by their names below the folder."""
    paths = [path for path in _FOLDER.rglob("*") if path.is_file()]
    return {
        path.relative_to(_FOLDER).as_posix(): _Asset(path, sha256(path.read_bytes()).hexdigest()[:16]) for path in paths
    }


@cache
def _bodies(asset: _Asset) -> Mapping[str, bytes]:
    """What a file's answer holds, by content coding, the best first."""
    plain = asset.path.read_bytes()
    return {"br": brotli.compress(plain), "gzip": gzip.compress(plain, mtime=0), _PLAIN: plain}
