"""Runs the migrations on the application's own database; `flask db upgrade` comes here."""

from typing import Any, Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from flask import current_app

from app.models.base import Base, UtcDateTime
from app.models.grams import described


def _render_item(kind: str, item: Any, autogen: AutogenContext) -> str | Literal[False]:
    """Write plain types into migrations: what a column is in the database outlives our classes."""
    if kind == "type" and isinstance(item, UtcDateTime):
        autogen.imports.add("import sqlalchemy as sa")
        return "sa.DateTime(timezone=True)"
    return False


def _run() -> None:
    engine = current_app.extensions["migrate"].db.engine
    with engine.connect() as connection:
        context.configure(
            connection=connection,
            target_metadata=Base.metadata,
            render_item=_render_item,
            # SQLite can't alter a table: it is copied instead.
            render_as_batch=engine.dialect.name == "sqlite",
            include_name=described,
        )
        with context.begin_transaction():
            context.run_migrations()


_run()
