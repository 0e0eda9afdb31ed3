"""The live counts of a circle list: what the pulls counted, judged like signs."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.orm import Session

from app import status
from app.auth.sessions import principal
from app.domain.tally import Part, Tally, tally
from app.i18n import _, language
from app.lists import circles
from app.live import token
from app.live.page import confirm
from app.live.token import CirclesView
from app.presenter import clock, local
from app.reach import reach
from app.services import services
from app.store import places
from app.store.keys import digest
from app.store.peek import Glance
from app.store.places import Counted, Place


@dataclass(frozen=True, slots=True)
class CountCell:
    """The counts of one circle, ready for their template."""

    circle_id: int
    tally: Tally
    remark: str
    """As of when, where the numbers have grown old."""
    digest: str


@dataclass(frozen=True, slots=True)
class CirclesStatus:
    """Everything live on one circle list."""

    cells: tuple[CountCell, ...]
    version: str


@dataclass(frozen=True, slots=True)
class LiveCircles:
    """The live part of a page that shows some circles."""

    status: CirclesStatus
    cells: Mapping[int, CountCell]
    token: str
    as_of: str


def live_circles(session: Session, circle_ids: Sequence[int]) -> LiveCircles:
    """Count the live lines of the page's circles, and sign what its poller will ask for."""
    who = principal()
    totals: dict[int, dict[int | None, int]] = {circle_id: {} for circle_id in circle_ids}
    for circle_id, server_id, lines in circles.live_lines(session, circle_ids):
        totals[circle_id][server_id] = lines
    view = CirclesView(str(who.scope), language(), totals)
    seen = status.glance(view, who.session_id)
    found, now = read(view, seen), services().clock()
    confirm(who.session_id, str(who.scope))
    moment = status.as_of(view, seen, now)
    return LiveCircles(
        found,
        {cell.circle_id: cell for cell in found.cells},
        token.dump_circles(view),
        f"{local(moment):%H:%M:%S}" if moment else "—",
    )


def read(view: CirclesView, seen: Glance) -> CirclesStatus:
    """The counts of a page now; `seen` was taken before, so that no change in between is missed."""
    now = services().clock()
    counted = _counted(view)
    cells = tuple(
        _cell(circle, tally(_parts(circle, totals, counted), now), now) for circle, totals in view.totals.items()
    )
    return CirclesStatus(cells, f"{status.base_version(view, seen, now)}.0")


def _counted(view: CirclesView) -> Mapping[int, Counted]:
    wanted: dict[int, list[int]] = {}
    for circle_id, totals in view.totals.items():
        for server_id in totals:
            if server_id is not None:
                wanted.setdefault(server_id, []).append(circle_id)
    return reach(lambda redis: places.read(redis, wanted), {})


def _parts(circle_id: int, totals: Mapping[int | None, int], counted: Mapping[int, Counted]) -> Iterable[Part]:
    for server_id, lines in totals.items():
        server = counted.get(server_id) if server_id is not None else None
        if server is None or server.circles is None:
            yield Part(lines)
            continue
        count = server.circles.get(circle_id, Place())
        yield Part(lines, server.state.answered_at, server.state.interval, count.registered, count.unreadable)


def _cell(circle_id: int, shown: Tally, now: datetime) -> CountCell:
    remark = _("%(clock)s 時点", clock=clock(shown.stale_since, now)) if shown.stale_since else ""
    return CountCell(circle_id, shown, remark, digest(f"{shown}{remark}")[:7])
