"""How a database means to read what it is asked for."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, event, text
from sqlalchemy.orm import Session


@contextmanager
def plans(session: Session, *, without: tuple[str, ...] = ("seqscan", "bitmapscan", "sort")) -> Iterator[list[str]]:
    """The plan of each SELECT of a block, with all its lines.

    PostgreSQL must do `without`, and so plans for a test's few rows what it would for a million: with so few it reads
    whole tables, whatever indexes there are.
    """
    engine, found = session.get_bind(), list[str]()
    assert isinstance(engine, Engine)
    postgres = engine.dialect.name == "postgresql"
    if postgres:
        for way in without:
            session.execute(text(f"SET enable_{way} = off"))

    def explain(connection: Connection, _cursor: object, statement: str, parameters: Any, *_: object) -> None:
        if statement.startswith("SELECT"):
            word = "EXPLAIN" if postgres else "EXPLAIN QUERY PLAN"
            lines = connection.exec_driver_sql(f"{word} {statement}", parameters).all()
            found.append("\n".join(str(line[-1]) for line in lines))

    event.listen(engine, "before_cursor_execute", explain)
    try:
        yield found
    finally:
        event.remove(engine, "before_cursor_execute", explain)
