"""A real Kamailio's own databases: its bindings read, its passwords overwritten."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.contract.contract import pulled
from tests.support.kamailio import Kamailio
from tests.support.kamailio_db import KamailioDatabase, on_postgres, on_sqlite
from tests.support.postgres import Postgres
from tests.support.registrar import REALM
from tests.support.wait import until
from workers.sip.base import Capability, Problem, SipError
from workers.sip.kamailio.client import KamailioAdapter

ZONE = "America/New_York"
Make = Callable[..., KamailioDatabase]


@pytest.fixture(params=["sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    def made(*, epochs: bool = False) -> KamailioDatabase:
        if request.param == "sqlite":
            return on_sqlite(tmp_path, epochs=epochs)
        return on_postgres(request.getfixturevalue("postgres"), epochs=epochs)

    return made


def started(folder: Path, database: KamailioDatabase, *, zone: str = "UTC", **how: int) -> Kamailio:
    kamailio = Kamailio(folder, defines=database.defines(**how), zone=zone)  # type: ignore[arg-type] # its own names
    kamailio.subscribe(**{"1001": "first", "1002": "second"})
    return kamailio


class TestLocation:
    @pytest.mark.parametrize("epochs", [False, True])
    def test_the_end_is_right_whatever_the_servers_zone(self, make: Make, tmp_path: Path, epochs: bool) -> None:
        database = make(epochs=epochs)
        with started(tmp_path, database, zone=ZONE, epochs=epochs) as kamailio:
            with kamailio.phone("1001") as phone:
                assert phone.register(expires=600) == 200
            options = {"source": "sql", "sql_url": database.ours} | ({} if epochs else {"timezone": ZONE})
            by_sql = pulled(KamailioAdapter(replace(kamailio.endpoint(), options=options)))[0]["1001"].contacts[0]
            by_rpc = KamailioAdapter(kamailio.endpoint()).lookup("1001").registration.contacts[0]
        assert by_sql.uri == by_rpc.uri
        for ours, theirs in ((by_sql.expires_at, by_rpc.expires_at), (by_sql.refreshed_at, by_rpc.refreshed_at)):
            assert ours is not None
            assert theirs is not None
            assert abs((ours - theirs).total_seconds()) <= 1
        assert (by_sql.source, by_sql.transport) == (by_rpc.source, by_rpc.transport)
        assert by_sql.user_agent == by_rpc.user_agent

    def test_local_times_of_nobody_knows_where(self, postgres: Postgres, tmp_path: Path) -> None:
        database = on_postgres(postgres)
        with started(tmp_path, database) as kamailio:
            with kamailio.phone("1001") as phone:
                assert phone.register() == 200
            adapter = KamailioAdapter(kamailio.endpoint(source="sql", sql_url=database.ours))
            with pytest.raises(SipError) as raised:
                pulled(adapter)
            assert raised.value.problem is Problem.CONFIGURATION
            assert raised.value.permanent
            assert [problem for problem, _ in adapter.check().problems] == [Problem.CONFIGURATION]

    def test_what_a_killed_server_leaves_behind_ends_by_itself(self, make: Make, tmp_path: Path) -> None:
        database = make(epochs=True)
        with started(tmp_path, database, epochs=True) as kamailio:
            with kamailio.phone("1001") as short, kamailio.phone("1002") as long:
                assert short.register(expires=2) == long.register() == 200
            kamailio.kill()
        adapter = KamailioAdapter(kamailio.endpoint(url=database.ours))
        assert "1002" in pulled(adapter)[0]
        until(lambda: set(pulled(adapter)[0]) == {"1002"}, 10, "the end of the other")
        assert len(database.rows("SELECT username FROM location")) == 2
        assert not adapter.lookup("1001").registration.contacts
        assert adapter.lookup("1002").registration.contacts

    def test_after_a_restart_a_line_is_looked_up_in_the_table(self, make: Make, tmp_path: Path) -> None:
        database = make(epochs=True)
        with started(tmp_path, database, epochs=True) as kamailio:
            with kamailio.phone("1001") as phone:
                assert phone.register() == 200
            kamailio.stop()
            kamailio.start()
            adapter = KamailioAdapter(kamailio.endpoint(source="sql", sql_url=database.ours))
            assert set(pulled(adapter)[0]) == {"1001"}
            assert not adapter.lookup("1002").registration.contacts

    def test_a_table_that_lacks_much_of_what_the_server_knows(self, make: Make, tmp_path: Path) -> None:
        database = make(epochs=True)
        with started(tmp_path, database, epochs=True) as kamailio:
            with kamailio.rpc() as rpc:
                for number in range(40):
                    fixed = ("3600", "1.0", "none", "0", "0", "4294967295")
                    rpc.call("ul.add", "location", f"u{number}", f"sip:u{number}@10.0.0.1", *fixed)
            adapter = KamailioAdapter(kamailio.endpoint(source="sql", sql_url=database.ours))
            assert len(pulled(adapter)[0]) == 40
            database.execute("DELETE FROM location")
            with pytest.raises(SipError) as raised:
                pulled(adapter)
            assert raised.value.problem is Problem.LOADING

    def test_credentials_of_its_own(self, postgres: Postgres, tmp_path: Path) -> None:
        database = on_postgres(postgres)
        user, _, rest = database.ours.removeprefix("postgresql://").partition("@")
        options = {"source": "sql", "sql_url": f"postgresql://{rest}", "sql_credentials": f"{user}:any/p@ss:word"}
        with started(tmp_path, database) as kamailio:
            assert pulled(KamailioAdapter(replace(kamailio.endpoint(), options=options)))[0] == {}
            options["sql_credentials"] = "nobody:any/p@ss:word"
            with pytest.raises(SipError) as raised:
                pulled(KamailioAdapter(replace(kamailio.endpoint(), options=options)))
        assert raised.value.problem is not Problem.FAULT
        assert "p@ss" not in str(raised.value)


class TestPasswords:
    def test_the_new_one_is_good_and_the_old_one_is_not(self, make: Make, tmp_path: Path) -> None:
        database = make()
        database.subscribe("1001", REALM, "old")
        defines = ["WITH_SQLITE", "WITH_POSTGRES"]
        with Kamailio(tmp_path, defines=defines, subscribers=database.theirs) as kamailio:
            adapter = KamailioAdapter(kamailio.endpoint(subscriber_url=database.ours))
            assert Capability.SET_PASSWORD in adapter.capabilities
            assert adapter.check().ok
            with kamailio.stranger("1001") as phone:
                assert phone.register(password="old") == 200
                adapter.set_password("1001", "new secret")
                assert phone.register(password="new secret") == 200
                assert phone.register(password="old") == 401
            rows = database.rows("SELECT * FROM subscriber")
        assert "secret" not in str(rows)
        with pytest.raises(SipError):
            adapter.set_password("2001", "new")

    def test_a_table_that_is_not_there_is_a_finding(self, make: Make, tmp_path: Path) -> None:
        with Kamailio(tmp_path) as kamailio:
            endpoint = kamailio.endpoint(subscriber_url=make().ours, subscriber_table="elsewhere")
            assert [problem for problem, _ in KamailioAdapter(endpoint).check().problems] == [Problem.TABLE_MISSING]
