"""Device passwords in a real `subscriber` table, on PostgreSQL and SQLite."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.postgres import Postgres
from tests.workers.sip.test_sql import run
from workers.sip.base import Capability, Endpoint, Problem, SipError
from workers.sip.opensips.client import OpensipsAdapter
from workers.sip.sql import database
from workers.sip.subscriber import SubscriberTable, check_table, set_password

# As the stock schemas of OpenSIPS and Kamailio make it, shortened.
OPENSIPS = """CREATE TABLE subscriber (id integer PRIMARY KEY, username varchar(64) NOT NULL DEFAULT '',
    domain varchar(64) NOT NULL DEFAULT '', password varchar(25) NOT NULL DEFAULT '',
    ha1 varchar(64) NOT NULL DEFAULT '', ha1_sha256 varchar(64) NOT NULL DEFAULT '',
    ha1_sha512t256 varchar(64) NOT NULL DEFAULT '', rpid varchar(64) DEFAULT NULL)"""
KAMAILIO = """CREATE TABLE subscriber (id integer PRIMARY KEY, username varchar(64) NOT NULL DEFAULT '',
    domain varchar(64) NOT NULL DEFAULT '', password varchar(64) NOT NULL DEFAULT '',
    ha1 varchar(128) NOT NULL DEFAULT '', ha1b varchar(128) NOT NULL DEFAULT '')"""
USERS = (
    "INSERT INTO subscriber (id, username, domain, password) VALUES (1, 'alice', 'sip.test', 'clear')",
    "INSERT INTO subscriber (id, username, domain, password) VALUES (2, 'Bob', 'sip.test', 'clear')",
    "INSERT INTO subscriber (id, username, domain, password) VALUES (3, 'alice', 'other.test', 'clear')",
)
SECRET = "pässword: '; DROP TABLE subscriber; -- %s ?"


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "sqlite":
        (tmp_path / "subscribers.db").touch()
        yield f"sqlite:///{tmp_path}/subscribers.db"
        return
    server: Postgres = request.getfixturevalue("postgres")
    name = server.create()
    yield server.url(name)
    server.drop(name)


@pytest.fixture
def url(empty: str) -> str:
    run(empty, OPENSIPS, *USERS)
    return empty


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def rows(url: str, columns: str = "password, ha1") -> list[tuple[str, ...]]:
    with database(url, 5, read_only=True) as opened:
        return list(opened.rows(f"SELECT {columns} FROM subscriber ORDER BY id"))


def problem(store: SubscriberTable, aor: str, home: str = "sip.test") -> SipError:
    with pytest.raises(SipError) as caught:
        set_password(store, aor, SECRET, home=home)
    assert SECRET not in str(caught.value)
    return caught.value


def test_hashes_and_no_clear_text(url: str) -> None:
    set_password(SubscriberTable(url), "alice", SECRET, home="sip.test")
    text = f"alice:sip.test:{SECRET}"
    changed, other, third = rows(url, "password, ha1, ha1_sha256, ha1_sha512t256")
    assert changed == (
        "",
        md5(text),
        hashlib.sha256(text.encode()).hexdigest(),
        hashlib.new("sha512_256", text.encode()).hexdigest(),
    )
    assert other == third == ("clear", "", "", "")


def test_a_known_hash(url: str) -> None:
    """The example of RFC 2617 §3.5."""
    user = "INSERT INTO subscriber (id, username, domain) VALUES (4, 'Mufasa', 'testrealm@host.com')"
    run(url, user)
    set_password(
        SubscriberTable(url, domain_column=""), "mufasa", "Circle Of Life", home="x", realm="testrealm@host.com"
    )
    assert rows(url)[3] == ("", "939e7578ed9e3c518a452acee763bce9")


def test_the_users_own_spelling_and_another_domain(url: str) -> None:
    set_password(SubscriberTable(url), "bob", "secret", home="sip.test")
    set_password(SubscriberTable(url), "alice@other.test", "secret", home="sip.test")
    assert [ha1 for _password, ha1 in rows(url)] == ["", md5("Bob:sip.test:secret"), md5("alice:other.test:secret")]


def test_a_realm_of_its_own(url: str) -> None:
    set_password(SubscriberTable(url), "alice", "secret", home="sip.test", realm="The Realm")
    assert rows(url)[0] == ("", md5("alice:The Realm:secret"))


def test_kamailios_second_hash(empty: str) -> None:
    run(empty, KAMAILIO, *USERS)
    set_password(SubscriberTable(empty), "alice", "secret", home="sip.test")
    columns = rows(empty, "password, ha1, ha1b")[0]
    assert columns == ("", md5("alice:sip.test:secret"), md5("alice@sip.test:sip.test:secret"))


def test_no_such_subscriber(url: str) -> None:
    for aor, home in (("carol", "sip.test"), ("alice", "third.test"), ("alice@third.test", "sip.test")):
        error = problem(SubscriberTable(url), aor, home)
        assert (error.problem, error.detail, error.permanent) == (Problem.FAULT, "no such subscriber", True)
    assert rows(url) == [("clear", "")] * 3


def test_two_that_differ_by_case_only(url: str) -> None:
    run(url, "INSERT INTO subscriber (id, username, domain) VALUES (5, 'ALICE', 'sip.test')")
    assert problem(SubscriberTable(url), "alice").problem is Problem.FAULT
    assert rows(url)[0] == ("clear", "")


def test_what_is_configured_wrong(url: str) -> None:
    cases = (
        (SubscriberTable(url, table="users"), Problem.TABLE_MISSING),
        (SubscriberTable(url, ha1_column="hash"), Problem.TABLE_MISSING),
        (SubscriberTable(url, user_column="login"), Problem.TABLE_MISSING),
        (SubscriberTable(url, user_column="username = '' OR 1"), Problem.CONFIGURATION),
        (SubscriberTable(url, table="subscriber; DROP TABLE subscriber"), Problem.CONFIGURATION),
    )
    for store, expected in cases:
        assert problem(store, "alice").problem is expected
        with pytest.raises(SipError):
            check_table(store, 5)
    assert problem(SubscriberTable(url), "a b").problem is Problem.CONFIGURATION
    check_table(SubscriberTable(url), 5)
    assert rows(url) == [("clear", "")] * 3


def test_the_least_privilege(postgres: Postgres) -> None:
    """Who may overwrite a password need not be able to read one."""
    name = postgres.create()
    rights = (
        "GRANT SELECT (username, domain), UPDATE (password, ha1, ha1_sha256, ha1_sha512t256) ON subscriber TO modest"
    )
    run(postgres.url(name), OPENSIPS, *USERS, "CREATE ROLE modest LOGIN", rights)
    store = SubscriberTable(postgres.url(name).replace("tsunagari@", "modest@"))
    check_table(store, 5)
    set_password(store, "alice", "secret", home="sip.test")
    assert rows(postgres.url(name))[0] == ("", md5("alice:sip.test:secret"))
    run(postgres.url(name), "REVOKE UPDATE (ha1) ON subscriber FROM modest")
    assert problem(store, "alice").problem is Problem.PERMISSION
    run(postgres.url(name), "DROP OWNED BY modest", "DROP ROLE modest")
    postgres.drop(name)


def test_the_adapter_sets_it(url: str) -> None:
    options = {"subscriber_url": url, "realm": "r.test"}
    opensips = OpensipsAdapter(Endpoint("http://127.0.0.1:9/mi", "sip.test", options=options))
    assert Capability.SET_PASSWORD in opensips.capabilities
    opensips.set_password("alice", "secret")
    assert rows(url)[0] == ("", md5("alice:r.test:secret"))


def test_options_name_table_and_columns() -> None:
    assert SubscriberTable.of({}) is None
    options = {
        "subscriber_url": "sqlite:///x",
        "subscriber_table": "users",
        "subscriber_domain_column": "",
        "rate": "1",
    }
    assert SubscriberTable.of(options) == SubscriberTable("sqlite:///x", table="users", domain_column="")
