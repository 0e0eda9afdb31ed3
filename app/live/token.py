"""What a page shows, signed and handed to the page itself: its poll needs no SQL to know whose lines these are."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import current_app
from itsdangerous import BadSignature, URLSafeSerializer

from app.domain.sign import Mode
from app.store.lines import Line
from app.store.peek import Spot

_CODES = {Mode.NONE: "n", Mode.LIVE: "l", Mode.ON_DEMAND: "d"}
_MODES = {code: mode for mode, code in _CODES.items()}


@dataclass(frozen=True, slots=True)
class View:
    """The lines of one open page, and for whom it was made."""

    principal: str
    """`str(Scope)`: the poll is refused to anybody else."""
    language: str
    circle_ids: tuple[int, ...]
    lines: tuple[Line, ...]
    numbers: tuple[str, ...]
    """The lines' numbers, in the same order, for what a screen reader is told."""
    spots: tuple[Spot, ...] = ()
    """The circles, each at each server where it has live lines in the page."""
    compared: bool = False
    """Whether the page says what its lines that went away have in common."""

    @property
    def live_server_ids(self) -> tuple[int, ...]:
        """The servers whose snapshots the page rests on."""
        return tuple(
            sorted({line.server_id for line in self.lines if line.mode is Mode.LIVE and line.server_id is not None})
        )


@dataclass(frozen=True, slots=True)
class CirclesView:
    """The circles of one open list: their live lines, counted when the page was made."""

    principal: str
    language: str
    totals: Mapping[int, Mapping[int | None, int]]
    """Circle id -> server id, None for lines without one -> live lines."""

    @property
    def circle_ids(self) -> tuple[int, ...]:
        """All circles of the page."""
        return tuple(self.totals)

    @property
    def live_server_ids(self) -> tuple[int, ...]:
        """The servers whose snapshots the page rests on."""
        found = {server_id for servers in self.totals.values() for server_id in servers if server_id is not None}
        return tuple(sorted(found))

    @property
    def spots(self) -> tuple[Spot, ...]:
        """The circles, each at each server where it has live lines."""
        return tuple((server, circle) for circle, held in self.totals.items() for server in held if server is not None)


def _serializer(secret: str, salt: str = "page") -> URLSafeSerializer:
    return URLSafeSerializer(secret, salt=salt)


def _secret() -> str:
    return str(current_app.secret_key)


def dump(view: View) -> str:
    """Signed and compressed, fit for a URL."""
    rows = [
        (line.unique_id, line.server_id, line.aor, _CODES[line.mode], number)
        for line, number in zip(view.lines, view.numbers, strict=True)
    ]
    return str(
        _serializer(_secret()).dumps((view.principal, view.language, view.circle_ids, view.spots, view.compared, rows))
    )


def load(token: str) -> View | None:
    """The reverse of `dump`; None for anything that was not signed here."""
    return load_with(_secret(), token)


def load_with(secret: str, token: str) -> View | None:
    """The same with a secret that is given."""
    try:
        principal, language, circle_ids, spots, compared, rows = _serializer(secret).loads(token)
    except (BadSignature, ValueError):
        return None
    return View(
        principal,
        language,
        tuple(circle_ids),
        tuple(Line(unique_id, server_id, aor, _MODES[code]) for unique_id, server_id, aor, code, _ in rows),
        tuple(row[4] for row in rows),
        tuple((server, circle) for server, circle in spots),
        compared,
    )


def dump_circles(view: CirclesView) -> str:
    """Signed and compressed, fit for a URL."""
    rows = [(circle, [*servers.items()]) for circle, servers in view.totals.items()]
    return str(_serializer(_secret(), "circles").dumps((view.principal, view.language, rows)))


def load_circles(token: str) -> CirclesView | None:
    """The reverse of `dump_circles`; None for anything that was not signed here."""
    return load_circles_with(_secret(), token)


def load_circles_with(secret: str, token: str) -> CirclesView | None:
    """The same with a secret that is given."""
    try:
        principal, language, rows = _serializer(secret, "circles").loads(token)
    except (BadSignature, ValueError):
        return None
    return CirclesView(principal, language, {circle: dict(servers) for circle, servers in rows})
