"""The unchanged poll, answered before Flask wakes up: nearly every request of an open page is one, and all are alike.

It says "nothing new" only where the views would, and hands everything else on to them: whoever is not known from Redis
alone, whatever looks odd, and every failure.
"""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from hashlib import blake2b
from typing import TYPE_CHECKING, Any

from flask import Flask
from redis.exceptions import RedisError

from app import status
from app.live import token
from app.live.token import CirclesView, View
from app.reach import note_away
from app.security import headers_of
from app.services import Services
from app.store.looks import Looks, Packed, session_argument
from app.store.peek import Glance, Question, Spot

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

_ID = "_user_id"
_LOADERS: dict[str, Callable[[str, str], View | CirclesView | None]] = {
    "/live/page": token.load_with,
    "/live/circles": token.load_circles_with,
}
_MOST = 20_000
"""Pages and logins that a process remembers: some ten megabytes."""
_MOST_NAMES = 200_000
"""Names of keys that all those pages may have together: one of many circles at many servers has hundreds."""
_SESSION_SECONDS = 30.0
"""How long a cookie's signature is known to be good; whether its session is, Redis says each time."""
_REST_SECONDS = 5.0
"""So long nothing is asked after Redis failed: whoever waits for it once need not wait twice."""


@dataclass(frozen=True, slots=True)
class Watch:
    """What an open page rests on, without its lines."""

    principal: str
    circle_ids: tuple[int, ...]
    live_server_ids: tuple[int, ...]
    spots: tuple[Spot, ...]
    packed: Packed


@dataclass(frozen=True, slots=True)
class Login:
    """A cookie whose signature is good until `until` (monotonic seconds), as its session's part of a look."""

    session: bytes
    until: float


class Quick:
    """A WSGI application around that of Flask."""

    def __init__(self, app: Flask, inner: Callable[..., Iterable[bytes]]) -> None:
        self._app = app
        self._inner = inner
        self._cookie = f"{app.config['SESSION_COOKIE_NAME']}="
        self._watches: dict[bytes, Watch] = {}
        self._logins: dict[str, Login] = {}
        self._looks: Looks | None = None
        self._names = 0
        """Of all that is watched."""
        self._rests_until = 0.0

    def __call__(self, environ: "WSGIEnvironment", start: "StartResponse") -> Iterable[bytes]:
        """Answer an unchanged poll, or let Flask answer."""
        if environ["PATH_INFO"] in _LOADERS and environ["REQUEST_METHOD"] == "GET":
            as_of = self._unchanged(environ["PATH_INFO"], environ)
            if as_of is not None:
                shown = [("X-As-Of", as_of)] if as_of else []
                start("204 NO CONTENT", [*headers_of(secure=environ["wsgi.url_scheme"] == "https"), *shown])
                return ()
        return self._inner(environ, start)

    def _unchanged(self, path: str, environ: "WSGIEnvironment") -> str | None:
        """As of when the page is that shows what is true, maybe empty; None for any other."""
        if time.monotonic() < self._rests_until:
            return None
        signed, version = _asked(environ["QUERY_STRING"])
        session = self._session(environ.get("HTTP_COOKIE", ""))
        watch = self._watch(path, signed) if signed else None
        if watch is None or session is None:
            return None
        service: Services = self._app.extensions["services"]
        try:
            seen = self._looks_of(service).look(watch.packed, session)
        except RedisError:
            self._rests_until = time.monotonic() + _REST_SECONDS
            note_away(environ)
            return None
        now = service.clock()
        if seen.principal != watch.principal or not status.unchanged(version, watch, seen, now):
            return None
        return _as_of(watch, seen, now, service)

    def _watch(self, path: str, signed: str) -> Watch | None:
        """What a signed view says; its signature is looked at once."""
        name = blake2b(f"{path} {signed}".encode("utf-8", "replace"), digest_size=16).digest()
        if (known := self._watches.get(name)) is not None:
            return known
        view = _LOADERS[path](str(self._app.secret_key), signed)
        if view is None:
            return None
        rests = (view.circle_ids, view.live_server_ids, view.spots)
        watch = Watch(view.principal, *rests, Packed(Question(*rests)))
        self._names += len(watch.packed.question.names)
        if self._names > _MOST_NAMES or len(self._watches) >= _MOST:
            self._watches.clear()
            self._names = len(watch.packed.question.names)
        self._watches[name] = watch
        return watch

    def _looks_of(self, service: Services) -> Looks:
        if self._looks is None or self._looks.redis is not service.redis:
            self._looks = Looks(service.redis)
        return self._looks

    def _session(self, cookies: str) -> bytes | None:
        """The session that the cookie claims, as its part of a look, if the cookie is ours."""
        found = [part for part in cookies.split("; ") if part.startswith(self._cookie)]
        if len(found) != 1:
            return None
        cookie, now = found[0], time.monotonic()
        known = self._logins.get(cookie)
        if known is not None and now < known.until:
            return known.session
        read = self._read(cookie.removeprefix(self._cookie))
        if read is None:
            return None
        session = session_argument(read)
        _remember(self._logins, cookie, Login(session, now + _SESSION_SECONDS))
        return session

    def _read(self, cookie: str) -> str | None:
        """The session's id in a cookie, as Flask's own session interface reads it."""
        interface: Any = self._app.session_interface
        serializer = interface.get_signing_serializer(self._app)
        age = int(self._app.permanent_session_lifetime.total_seconds())
        try:
            claimed = serializer.loads(cookie, max_age=age).get(_ID)
        except Exception:
            return None
        return claimed if isinstance(claimed, str) else None


def _asked(query: str) -> tuple[str, str]:
    """The signed view and the version in a poll's address, empty for one that wants more or looks odd."""
    fields = dict(part.partition("=")[::2] for part in query.split("&", 3)[:3])
    if "&d=" in query or "%" in fields.get("t", "%"):
        return "", ""
    return fields["t"], fields.get("v", "")


def _remember(memory: dict[Any, Any], name: object, value: object) -> None:
    if len(memory) >= _MOST:
        memory.clear()
    memory[name] = value


def _as_of(watch: Watch, seen: Glance, now: datetime, service: Services) -> str:
    moment = status.as_of(watch, seen, now)
    return f"{moment.astimezone(service.timezone):%H:%M:%S}" if moment is not None else ""
