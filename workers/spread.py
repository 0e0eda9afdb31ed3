"""Spreads the sweep of one large server over several workers, in pieces that do not overlap.

Whoever holds the server's lease begins a round and works on it like the others; nobody waits for a worker that is busy
elsewhere, and a piece whose worker died is done by another.
"""

import secrets
from collections.abc import Generator, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import func, select

from app.domain.record import Row
from app.domain.registration import PullReport
from app.models import SipServer, Unique
from app.store.rounds import Piece, Round, Told
from workers.credentials import endpoint_of, options_of
from workers.runtime import Runtime
from workers.sip.base import Adapter, Problem, Pull, SipError

JOB = "workers.jobs.sweep"
_PIECE = 20_000
"""Lines of a piece: a few seconds of a worker's time, a few megabytes of its memory."""
_JOB_SECONDS = 600
_PATIENCE = 1.0
_RESTART_SLACK = 10.0


@dataclass(slots=True)
class _Whole:
    """What the pieces amount to."""

    taken_at: datetime
    reports: list[PullReport] = field(default_factory=list)

    def report(self) -> PullReport:
        """The same of the whole sweep. Raises SipError(LOADING) where the server restarted between two pieces."""
        last = max(self.reports, key=lambda report: report.taken_at, default=PullReport(self.taken_at))
        starts = [report.taken_at.timestamp() - report.uptime for report in self.reports if report.uptime is not None]
        if starts and max(starts) - min(starts) > _RESTART_SLACK:
            raise SipError(Problem.LOADING, "the server restarted while it was swept")
        return PullReport(
            self.taken_at,
            broken=sum(report.broken for report in self.reports),
            announced=last.announced,
            uptime=last.uptime,
            clock_skew=last.clock_skew,
            unread=tuple(sorted(aor for report in self.reports for aor in report.unread)),
            contacts=last.contacts,
            loading=any(report.loading for report in self.reports),
            explicit=True,
            busy=sum(report.busy for report in self.reports),
        )


def shards_of(server: SipServer) -> int:
    """How many workers may sweep a server together; 1 where its options do not say. Raises SipError(CONFIGURATION)."""
    text = options_of(server.options).get("shards", "1")
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:4]) <= 64:
        raise SipError(Problem.CONFIGURATION, "shards must be a number from 1 to 64", permanent=True)
    return int(text)


def pull(runtime: Runtime, server: SipServer, shards: int) -> Pull:
    """The sweep of a server by up to so many workers, this one among them."""
    return Pull(_shared(runtime, server, shards))


def help_with(runtime: Runtime, server_id: int, token: str, pieces: Sequence[Piece]) -> None:
    """Do what is left of a round that another worker began."""
    with runtime.sessions() as session:
        server = session.get(SipServer, server_id)
    if server is None:
        return
    shared = Round(runtime.redis, token)
    for piece in pieces:
        _work(runtime, server, shared, piece)


def _shared(runtime: Runtime, server: SipServer, shards: int) -> Generator[list[Row], None, PullReport]:
    whole = _Whole(runtime.clock())
    pieces, token = _plan(runtime, server.id), secrets.token_hex(8)
    shared = Round(runtime.redis, token)
    _call(runtime, server.id, token, pieces, min(shards, len(pieces)) - 1)
    open_pieces = {piece.index: piece for piece in pieces}
    try:
        while open_pieces:
            # The last first: those who help begin at the front.
            mine = next((piece for piece in reversed(open_pieces.values()) if shared.is_free(piece)), None)
            if mine is not None:
                _work(runtime, server, shared, mine)
            while (told := shared.next(0 if mine else _PATIENCE)) is not None:
                if open_pieces.pop(told.piece, None) is not None:
                    whole.reports.append(_report_of(told))
                    yield told.rows
                if not open_pieces:
                    break
    finally:
        shared.end()
    return whole.report()


def _call(runtime: Runtime, server_id: int, token: str, pieces: Sequence[Piece], helpers: int) -> None:
    queue = Queue("pulls", connection=runtime.redis, serializer=JSONSerializer)
    for _ in range(helpers):
        queue.enqueue(
            JOB,
            server_id,
            token,
            [(piece.index, piece.after, piece.upto) for piece in pieces],
            job_timeout=_JOB_SECONDS,
            ttl=_JOB_SECONDS,
            result_ttl=0,
            failure_ttl=60,
        )


def _plan(runtime: Runtime, server_id: int) -> list[Piece]:
    """The pieces of a server's lines, from an index alone."""
    numbered = (
        select(Unique.aor, func.row_number().over(order_by=Unique.aor).label("number"))
        .where(Unique.server_id == server_id)
        .subquery()
    )
    with runtime.sessions() as session:
        ends = session.scalars(
            select(numbered.c.aor).where(numbered.c.number % _PIECE == 0).order_by(numbered.c.aor)
        ).all()
    bounds = ["", *ends]
    return [Piece(index, after, upto) for index, (after, upto) in enumerate(zip(bounds, [*ends, None], strict=True))]


def _work(runtime: Runtime, server: SipServer, shared: Round, piece: Piece) -> None:
    """Sweep a piece and tell what was found, unless somebody else is at it."""
    with shared.claimed(piece) as ours:
        if not ours:
            return
        lines = runtime.lines_of(server.id, piece.after, piece.upto)
        try:
            rows, report = _swept(runtime.adapter_for(server.family, endpoint_of(server), lines))
            told: dict[str, Any] = asdict(report) | {"taken_at": report.taken_at.isoformat()}
        except SipError as error:
            rows, told = [], {"problem": error.problem.value, "detail": error.detail}
        shared.tell(piece, rows, told)


def _swept(adapter: Adapter) -> tuple[list[Row], PullReport]:
    found = adapter.snapshot()
    rows = [row for batch in found.rows() for row in batch]
    if not found.report.explicit:
        raise SipError(Problem.CONFIGURATION, "shards are for the source sweep only", permanent=True)
    return rows, found.report


def _report_of(told: Told) -> PullReport:
    if "problem" in told.report:
        raise SipError(Problem(told.report["problem"]), told.report["detail"])
    values = told.report | {
        "taken_at": datetime.fromisoformat(told.report["taken_at"]),
        "unread": tuple(told.report["unread"]),
    }
    return PullReport(**values)
