"""The history of a line or of a circle as a file for spreadsheets: CSV, as long as it may be, never whole in memory."""

import csv
import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime, timedelta
from heapq import merge
from io import StringIO
from itertools import chain, islice
from operator import itemgetter

from flask import Blueprint, Response, abort, request, stream_with_context
from sqlalchemy import ColumnElement

from app import directory, history
from app.auth.guard import protect
from app.auth.sessions import principal
from app.domain.history import Period, Stood, Why, Window, silences, up_to_now
from app.domain.sign import UNKNOWN_AFTER, Mode, SignKind
from app.extensions import db
from app.history import Exported
from app.i18n import _
from app.portal.line import line_or_404
from app.presenter import CAUSES, STOOD, WHY, WORDS, local
from app.reach import reach
from app.services import services
from app.store import servers as states
from app.store.servers import ServerState
from app.throttle import EXPORT

blueprint = Blueprint("history", __name__)
protect(blueprint)

MOST = 100_000
"""Rows of one file."""
_CHUNK = 1000
_WRITTEN = timedelta(minutes=1)
"""How old what the database knows of a server's answers may be: it is told every half minute."""
_gate = threading.BoundedSemaphore(2)
"""How many files one process writes at once: each holds a thread, and the interpreter, for as long as it takes."""
_ALL = "all"
_FORMULA = tuple("=+-@\t\r\n＝＋－＠")
_Row = tuple[datetime, list[str]]


@blueprint.get("/uniques/<row:unique_id>/history.csv")
def line(unique_id: int) -> Response:
    """The history of one line."""
    row = line_or_404(unique_id)
    known = directory.line_of(row)
    server = row.server if known.mode is Mode.LIVE else None
    return _file(history.of_line(principal().scope, row), {server.id: server.hostname} if server else {}, row.number)


@blueprint.get("/circles/<row:circle_id>/history.csv")
def circle(circle_id: int) -> Response:
    """The history of a circle's lines."""
    row = directory.circle(db.session(), principal().scope, circle_id)
    if row is None:
        abort(404)
    return _file(history.of_circle(row), history.servers_of(db.session(), row), row.number)


def _file(condition: ColumnElement[bool], servers: dict[int, str], number: str) -> Response:
    if not services().throttle.hit(EXPORT, str(principal().scope)):
        abort(429)
    if not _gate.acquire(blocking=False):
        abort(503)
    turn = ExitStack()
    turn.callback(_gate.release)
    try:
        answer = _answer(condition, servers, number, turn)
    except BaseException:
        turn.close()
        raise
    # Of a HEAD nothing is written at all.
    answer.call_on_close(turn.close)
    return answer


def _answer(condition: ColumnElement[bool], servers: dict[int, str], number: str, turn: ExitStack) -> Response:
    period, window = _window()
    most = min(max(1, request.args.get("limit", MOST, int)), MOST)
    silent = [list(_silent(server_id, name, window)) for server_id, name in servers.items()]
    rows = merge(_changes(condition, window), *silent, key=itemgetter(0), reverse=True)
    # What a slow reader leaves unread must hold no connection to the database.
    db.session().rollback()
    answer = Response(stream_with_context(_turn(turn, _written(rows, most))), mimetype="text/csv")
    name = f"history-{re.sub('[^0-9A-Za-z]+', '-', number)}-{period}-{local(window.end):%Y%m%d}.csv"
    answer.headers.set("Content-Disposition", "attachment", filename=name)
    return answer


def _window() -> tuple[str, Window]:
    """What was asked for, the longest period unless it is another's name; and its window."""
    wanted, now = request.args.get("period", _ALL), services().clock()
    if wanted in list(Period):
        return wanted, Window(now - Period(wanted).length, now)
    return _ALL, Window(now - timedelta(days=services().history_days), now)


def _changes(condition: ColumnElement[bool], window: Window) -> Iterator[_Row]:
    pages = history.export(db.session(), condition, window, _CHUNK)
    return ((row.at, _cells(row)) for row in chain.from_iterable(pages))


def _cells(row: Exported) -> list[str]:
    before = _word(STOOD[row.before]) if row.before else ""
    words = [row.number, row.name, before, _word(STOOD[row.after]), row.source or "", row.user_agent or ""]
    return [*words, str(CAUSES[row.cause])]


def _silent(server_id: int, hostname: str, window: Window) -> Iterator[_Row]:
    """When a server was not heard: in between nobody knows how its lines stood. The newest first."""
    whose, unknown = [hostname, _("このサーバーの全回線")], _word(Stood.UNKNOWN)
    state = _state(server_id)
    patience = UNKNOWN_AFTER * state.interval if state.answered_at else _WRITTEN
    written = history.heard(db.session(), server_id, window.start)
    heard = up_to_now(written, state.answered_at, patience, window.end)
    window = replace(window, why=Why.NO_ANSWER if state.problem else Why.NOT_ASKED)
    for gap in reversed(silences(heard, window)):
        if gap.end < window.end:
            yield gap.end, [*whose, unknown, "", "", "", _("サーバーの応答を再び確認しました")]
        yield gap.start, [*whose, "", unknown, "", "", str(WHY[gap.why]) if gap.why else ""]


def _state(server_id: int) -> ServerState:
    return reach(lambda redis: states.read_one(redis, server_id), ServerState())


def _turn(turn: ExitStack, pieces: Iterator[bytes]) -> Iterator[bytes]:
    with turn:
        yield from pieces


def _word(stood: Stood) -> str:
    return str(WORDS[SignKind(stood.value)])


def _written(rows: Iterable[_Row], most: int) -> Iterator[bytes]:
    """The file, piece by piece; it begins with the mark by which spreadsheets know UTF-8."""
    yield "\ufeff".encode()
    heads = (
        _("日時"),
        _("ユニーク番号"),
        _("名称"),
        _("変化前"),
        _("変化後"),
        _("接続元"),
        _("機種(User-Agent)"),
        _("理由"),
    )
    yield _lines([heads])
    remaining = iter(rows)
    while piece := list(islice(remaining, min(most, _CHUNK))):
        yield _lines([local(at).isoformat(timespec="seconds"), *map(harmless, cells)] for at, cells in piece)
        most -= len(piece)
    if next(remaining, None) is not None:
        yield _lines([[_("これより古い変化は、行数の上限のため省略しました。")]])


def _lines(rows: Iterable[Iterable[str]]) -> bytes:
    text = StringIO()
    csv.writer(text, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode("utf-8", "replace")


def harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula, whatever a phone calls itself."""
    return f"'{text}" if text.lstrip(" \u3000").startswith(_FORMULA) or text.startswith(_FORMULA) else text
