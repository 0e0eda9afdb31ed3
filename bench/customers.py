"""Made-up customers of any size, loaded in bulk: an account with many circles, and one with a circle of most lines."""

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date

import psycopg
from psycopg import sql
from sqlalchemy import Engine, text
from sqlalchemy.orm import Session

from app.directory import PAGE_SIZE
from app.domain.search import fold, phone_digits
from app.models import Account, Base, CircleState, SipServer, Staff

MANY, ONE = 1, 2
"""Ids of the account with many circles, and of the one with one."""
HUNDRED, WHOLE = 1, 2
"""Ids of a circle of `MANY` with one page of lines, and of the circle of `ONE`."""
LIVE = 1
"""Id of the server that all lines with a status log in to."""
STAFF = 1
_NOBODYS = "x"  # no password has this hash
_OTHERS = 10
"""Lines for each further circle of `MANY`, as far as there are so many."""
_TYPES = (*["sip_phone"] * 14, *["smartphone"] * 3, "softphone", "sip_trunk", "conference")
_NAMES = ("営業部 田中", "総務部 鈴木", "受付", "ｻﾎﾟｰﾄ 佐藤", "倉庫 高橋", "会議室", "経理部 伊藤", "支店長 渡辺")
_STATES = (*[CircleState.IN_USE] * 17, *[CircleState.CANCELLED] * 2, CircleState.OTHER)
_CIRCLE = (
    "id", "account_id", "number", "administrator", "user_information", "department", "person_in_charge", "applied_on",
    "state", "search_key",
)  # fmt: skip
_UNIQUE = (
    "id", "circle_id", "number", "type_code", "server_id", "aor", "ip_authentication", "name", "affiliation", "note",
    "pickup_group", "incoming_extension", "incoming_phone", "incoming_kind", "outgoing_extension", "outgoing_phone",
    "outgoing_kind", "name_key", "incoming_digits", "outgoing_digits",
)  # fmt: skip
Row = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Size:
    """How large a portal is."""

    lines: int
    """At least one page of them."""
    circles: int
    """Of the account with many; the other's comes on top where there are lines for it."""

    def __str__(self) -> str:
        return f"{self.lines:,} lines, {self.circles:,} circles"

    @property
    def spread(self) -> int:
        """How many lines are in circles of the account with many; the rest fills whole pages of the other's circle."""
        most = min(self.lines, PAGE_SIZE + min(_OTHERS * (self.circles - 1), self.lines // 4))
        return self.lines - (self.lines - most) // PAGE_SIZE * PAGE_SIZE


def number(line: int) -> str:
    """The number of a line, counted from 1."""
    return f"050{line:08}"


def registered(size: Size) -> Iterator[str]:
    """The keys of the lines whose phones are registered: nine of ten that have a status."""
    return (number(line) for line in range(1, size.lines + 1) if line % 10 and _server(line) is not None)


def load(engine: Engine, size: Size) -> None:
    """Fill a migrated database, and let it take stock of what it holds."""
    with Session(engine) as session:
        for account in (MANY, ONE):
            session.add(
                Account(id=account, login_id=f"a{account}", password_hash=_NOBODYS, email="a@example.jp", name="繋がり")
            )
        session.add(
            SipServer(
                id=LIVE, hostname="sip3.example.jp", family="kamailio", management_url="http://127.0.0.1:9/", live=True
            )
        )
        session.add(Staff(id=STAFF, login_id="staff", password_hash=_NOBODYS, name="支援 花子"))
        session.commit()
    bulk(engine, "circle", _CIRCLE, _circles(size))
    bulk(engine, "unique", _UNIQUE, _uniques(size))
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("ANALYZE" if engine.dialect.name == "sqlite" else "VACUUM ANALYZE"))


def _circles(size: Size) -> Iterator[Row]:
    for at in range(size.circles):
        yield _circle(HUNDRED if at == 0 else at + 2, MANY, at)
    if size.lines > size.spread:
        yield _circle(WHOLE, ONE, size.circles)


def _circle(circle_id: int, account_id: int, at: int) -> Row:
    user, department, person = f"株式会社繋がり 第{at % 977}支店", f"第{at % 89}営業部", f"担当 {at % 7919}"
    key = "\n".join(map(fold, (user, department, person)))
    state = _STATES[at % len(_STATES)].value
    applied = date(2010 + at % 15, 1 + at % 12, 1 + at % 28)
    return circle_id, account_id, f"{at + 1:012}", False, user, department, person, applied.isoformat(), state, key


def _uniques(size: Size) -> Iterator[Row]:
    for line in range(1, size.lines + 1):
        yield _unique(line, _circle_of(line, size))


def _circle_of(line: int, size: Size) -> int:
    """The first page of lines is the circle `HUNDRED`; the last lines are the circle `WHOLE`."""
    if line <= PAGE_SIZE:
        return HUNDRED
    return WHOLE if line > size.spread else 3 + (line - PAGE_SIZE) % (size.circles - 1)


def _server(line: int) -> int | None:
    return None if _TYPES[line % len(_TYPES)] == "conference" else LIVE


def _unique(line: int, circle_id: int) -> Row:
    own, name = number(line), f"{_NAMES[line % len(_NAMES)]} {line % 9973}"
    phone = f"03-{line // 10_000 % 10_000:04}-{line % 10_000:04}"
    return (
        line, circle_id, own, _TYPES[line % len(_TYPES)], _server(line), own, False, name, f"第{line % 613}営業部",
        "3階", f"{line % 40}", f"{line % 10_000}", phone, "本番号", f"{line % 10_000}", phone, "本番号",
        fold(name), phone_digits(phone), phone_digits(phone),
    )  # fmt: skip


def bulk(engine: Engine, table: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
    """Many rows of one table, at once."""
    connection = engine.raw_connection()
    try:
        driver = connection.driver_connection
        if isinstance(driver, psycopg.Connection):
            with driver.cursor() as cursor, cursor.copy(_copying(table, columns)) as copy:
                for row in rows:
                    copy.write_row(row)
        elif isinstance(driver, sqlite3.Connection):
            statement = Base.metadata.tables[table].insert().values(dict.fromkeys(columns))
            driver.executemany(str(statement.compile(dialect=engine.dialect)), rows)
        connection.commit()
    finally:
        connection.close()


def _copying(table: str, columns: Sequence[str]) -> sql.Composed:
    names = sql.SQL(", ").join(map(sql.Identifier, columns))
    return sql.SQL("COPY {} ({}) FROM STDIN").format(sql.Identifier(table), names)
