"""What a full page needs to be live: its cells now, and what its poller sends back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app import directory, status
from app.auth.sessions import principal
from app.domain.sign import Mode
from app.i18n import language
from app.live import token
from app.live.token import View
from app.models import Unique
from app.presenter import Cell, local
from app.reach import reach
from app.services import services
from app.status import PageStatus
from app.store import sessions as known
from app.store.lines import Line
from app.store.peek import Spot


@dataclass(frozen=True, slots=True)
class LivePage:
    """The live part of a page that shows some lines."""

    status: PageStatus
    cells: Mapping[int, Cell]
    token: str

    @property
    def as_of(self) -> str:
        """hh:mm:ss of the oldest answer that the page rests on; a dash while a server never answered."""
        return f"{local(self.status.as_of):%H:%M:%S}" if self.status.as_of else "—"


def live_page(rows: Sequence[Unique], *, compared: bool = False) -> LivePage:
    """Judge the lines of a page, and sign what its poller will ask for.

    `compared` for lines of one circle: the page then says what those that went away have in common.
    """
    who = principal()
    lines = tuple(directory.line_of(row) for row in rows)
    view = View(
        str(who.scope),
        language(),
        tuple(sorted({row.circle_id for row in rows})),
        lines,
        tuple(row.number for row in rows),
        spots_of(rows, lines),
        compared,
    )
    seen = status.glance(view, who.session_id)
    page = status.read(view, seen, services().clock())
    confirm(who.session_id, str(who.scope))
    return LivePage(page, {cell.unique_id: cell for cell in page.cells}, token.dump(view))


def spots_of(rows: Sequence[Unique], lines: Sequence[Line]) -> tuple[Spot, ...]:
    """The circles of some lines, each at each server where one of its lines is live."""
    pairs = zip(rows, lines, strict=True)
    live = {(row.server_id, row.circle_id) for row, line in pairs if line.mode is Mode.LIVE}
    return tuple(sorted((server, circle) for server, circle in live if server is not None))


def confirm(session_id: str, scope: str) -> None:
    """The next poll need not ask the database who this is: it has just been asked."""
    # Without Redis each poll asks it: slower, and still right.
    reach(lambda redis: known.confirm(redis, session_id, scope), None)
