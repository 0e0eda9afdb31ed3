"""Pages as a browser holds them: loaded once, polled at the interval that a page chooses, changed cell by cell."""

import http.client
import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode

from bench.pace import SOON, pause_after
from tests.support.portal import forms

_TIMEOUT = 10.0
_BEGIN = '<span class="cell" id="c'
_CELL = re.compile(r'(\d+)">\s*<input type="hidden" name="h" value="\d+\.(\w+)"')
_KIND = re.compile(r'class="sign ([\w-]+)"')
_REMARK = re.compile(r'<small class="remark">([^<]*)</small>')
_CLOCK = re.compile(r"(\d\d):(\d\d):(\d\d) 時点")
_VERSION = re.compile(r'id="version" name="v" value="([^"]*)"')
_TOKEN = re.compile(r'name="t" value="([^"]*)"')
_AS_OF = re.compile(r'<time id="as-of">(\d\d:\d\d:\d\d)</time>')
_JST = 9 * 3600
_DAY = 86_400


@dataclass(slots=True)
class Cell:
    """One sign as the page shows it."""

    kind: str
    digest: str
    as_of: float | None
    """What the sign itself says as of when it is; None where it leaves that to the page's clock."""


@dataclass(slots=True)
class Page:
    """One open list."""

    path: str
    users: dict[int, str]
    """The lines by their ids."""
    cells: dict[int, Cell] = field(default_factory=dict)
    token: str = ""
    version: str = ""
    as_of: float | None = None
    """The page's clock: as of when its signs are that say nothing else."""
    due: float = 0.0
    pause: float = SOON
    lively: float = 0.0
    failures: int = 0
    polls: int = 0

    def shown_as_of(self, cell: Cell) -> float | None:
        """As of when a sign claims to be."""
        return cell.as_of if cell.as_of is not None else self.as_of

    def later(self, now: float, *, changed: bool) -> None:
        """When the next poll is due."""
        self.lively = now if changed else self.lively
        self.pause = pause_after(self.pause, now - self.lively)
        self.due = now + self.pause

    def take(self, text: str, as_of: str | None) -> None:
        """What a load or a poll brought."""
        for part in text.split(_BEGIN)[1:]:
            # What stands behind the last cell of a list is no part of it.
            part = part.partition("</td>")[0].partition("</hx-partial>")[0]  # noqa: PLW2901 - the rest is not looked at
            head, kind, remark = _CELL.match(part), _KIND.search(part), _REMARK.search(part)
            if head is None:
                raise ValueError("a cell that is none")
            said = _CLOCK.search(remark[1]) if remark else None
            moment = _moment(":".join(said.groups())) if said else None
            self.cells[int(head[1])] = Cell(kind[1] if kind else "", head[2], moment)
        if version := _VERSION.search(text):
            self.version = version[1]
        if token := _TOKEN.search(text):
            self.token = token[1]
        if as_of:
            self.as_of = _moment(as_of)

    def query(self) -> str:
        """What its poll asks for."""
        shown = [("h", f"{unique_id}.{cell.digest}") for unique_id, cell in self.cells.items()]
        return urlencode([("t", self.token), ("v", self.version), *shown])


class Browser:
    """One person's cookies and connection."""

    def __init__(self, port: int, cookies: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._cookies = dict(cookies or {})
        self._connection: http.client.HTTPConnection | None = None

    def log_in(self, login_id: str, password: str) -> None:
        """As an account, by the page."""
        _, text, _ = self.request("GET", "/login")
        form = next(form for form in forms(text) if form.action == "/login/account")
        body = urlencode(form.fields | {"login_id": login_id, "password": password})
        status, _, _ = self.request("POST", "/login/account", body)
        if status not in (302, 303):
            raise RuntimeError(f"no login: {status}")

    def load(self, page: Page) -> None:
        """Open a list."""
        status, text, _ = self.request("GET", page.path)
        found = _AS_OF.search(text)
        page.take(text, found[1] if found else None)
        if page.cells.keys() != page.users.keys():
            raise RuntimeError(f"{page.path} answers {status} with {len(page.cells)} lines of {len(page.users)}")

    def poll(self, page: Page) -> bool:
        """One poll of an open list; whether it was answered. Nothing is thrown for a portal that is away."""
        page.polls += 1
        try:
            status, text, headers = self.request("GET", f"/live/page?{page.query()}")
        except (OSError, http.client.HTTPException):
            self._drop()
            page.failures += 1
            page.later(time.time(), changed=False)
            return False
        good = status in (200, 204)
        if good:
            page.take(text, headers.get("X-As-Of"))
        page.failures += not good
        page.later(time.time(), changed=status == 200)
        return good

    def request(self, method: str, path: str, body: str | None = None) -> tuple[int, str, dict[str, str]]:
        """Status, text and headers. Raises OSError, HTTPException."""
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self._cookies.items())}
        if body is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        if path.startswith("/live"):
            headers["HX-Request"] = "true"
        answer = self._answer(method, path, body, headers)
        text = answer.read().decode()
        for cookie in answer.headers.get_all("Set-Cookie") or ():
            name, _, value = cookie.partition(";")[0].partition("=")
            self._cookies[name] = value
        return answer.status, text, dict(answer.headers)

    def _answer(self, method: str, path: str, body: str | None, headers: dict[str, str]) -> http.client.HTTPResponse:
        """As browsers do: on a kept connection that the server has closed meanwhile the request goes out once more."""
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
        try:
            self._connection.request(method, path, body, headers)
            return self._connection.getresponse()
        except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError):
            self._connection.close()
            self._connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT)
            self._connection.request(method, path, body, headers)
            return self._connection.getresponse()

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def _moment(clock: str) -> float:
    """The latest moment at which a clock in Japan shows this."""
    hours, minutes, seconds = map(int, clock.split(":"))
    now = time.time()
    midnight = (now + _JST) // _DAY * _DAY - _JST
    moment = midnight + hours * 3600 + minutes * 60 + seconds
    return moment if moment <= now + 60 else moment - _DAY
