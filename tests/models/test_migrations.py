"""The migrations make exactly the tables that the models describe, on both databases, and can be taken back."""

from collections.abc import Iterator

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, select, text
from sqlalchemy.orm import Session

from app.models import Base, UniqueType
from app.models.grams import described
from tests.domain.test_sign import TYPES
from tests.support.databases import settings
from tests.support.process import ROOT, flask

pytestmark = pytest.mark.usefixtures("any_database")


@pytest.fixture
def engine(database_url: str) -> Iterator[Engine]:
    """A connection pool of the migrated database."""
    engine = create_engine(database_url)
    yield engine
    engine.dispose()


def tables(url: str) -> set[str]:
    engine = create_engine(url)
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_the_migrated_database_is_what_the_models_describe(engine: Engine) -> None:
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "include_name": described})
        assert compare_metadata(context, Base.metadata) == []


def test_the_command_that_looks_for_a_missing_migration_finds_none(environ: dict[str, str]) -> None:
    flask(environ, "db", "check")


def test_there_is_one_line_of_migrations() -> None:
    assert len(ScriptDirectory(str(ROOT / "migrations")).get_heads()) == 1


def test_an_empty_database_goes_up_and_down_and_up_again(empty_database: str) -> None:
    environ = settings(empty_database, "redis://127.0.0.1:1/0")
    flask(environ, "db", "upgrade")
    assert tables(empty_database) == {*Base.metadata.tables, "alembic_version"}
    flask(environ, "db", "downgrade", "base")
    assert tables(empty_database) == {"alembic_version"}
    flask(environ, "db", "upgrade")
    assert tables(empty_database) == {*Base.metadata.tables, "alembic_version"}


def test_the_types_are_those_of_the_guide(engine: Engine) -> None:
    with Session(engine) as session:
        types = session.scalars(select(UniqueType).order_by(UniqueType.position)).all()
    assert {kind.name_ja: kind.rule for kind in types} == TYPES
    assert len({kind.position for kind in types}) == len({kind.name_en for kind in types}) == len(types)


def test_circles_that_were_there_before_searches_are_found(empty_database: str) -> None:
    environ = settings(empty_database, "redis://127.0.0.1:1/0")
    flask(environ, "db", "upgrade", "0005")
    engine = create_engine(empty_database)
    with engine.begin() as connection:
        account = "(id, login_id, password_hash, email, name, created_at) VALUES (1, 'a', 'x', 'x', 'x', '2026-01-01')"
        connection.execute(text(f"INSERT INTO account {account}"))
        columns = (
            "id, account_id, number, administrator, user_information, department, person_in_charge, applied_on, state"
        )
        values = "1, 1, '100', false, 'ﾎﾝｼｬ', '総務部', 'サトウ', '2026-01-01', 'in_use'"
        connection.execute(text(f"INSERT INTO circle ({columns}) VALUES ({values})"))
    flask(environ, "db", "upgrade")
    with engine.connect() as connection:
        assert connection.scalar(text("SELECT search_key FROM circle")) == "ほんしゃ\n総務部\nさとう"
    engine.dispose()
