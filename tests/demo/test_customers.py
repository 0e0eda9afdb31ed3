"""The demo's customers: enough of everything, the same every time, and loaded once."""

from collections import Counter
from dataclasses import replace

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.auth.passwords import verify
from app.domain.sign import Mode, mode_of
from app.models import Account, Circle, SipServer, Staff, Unique, UniqueType
from demo import customers
from demo.customers import all_lines, password, printed_logins, reserved_line
from demo.load import load
from demo.phones import Behaviour
from demo.plan import plan, users
from demo.servers import BY_NAME, LIVE, ON_DEMAND, SERVERS
from demo.words import HOSTILE_USER_AGENT
from workers.sip.registry import FAMILIES

SECRET = "only tests have this secret, and it is long enough"
ADDRESSES = {server.hostname: f"127.0.0.1:{port}" for port, server in enumerate(SERVERS, 1)}
URLS = {server.hostname: server.url.format(ADDRESSES[server.hostname]) for server in SERVERS}


def counts(session: Session) -> list[int]:
    tables = (Account, Circle, Unique, UniqueType, SipServer, Staff)
    return [session.scalar(select(func.count()).select_from(table)) or 0 for table in tables]


def test_there_is_enough_to_see() -> None:
    circles = [group for customer in customers.customers() for group in customer.groups]
    assert len(customers.customers()) == 2
    assert len(circles) == 6
    assert 280 <= len(all_lines()) <= 320
    assert max(len(group.lines) for group in circles) > 100
    assert any({line.server for line in group.lines if line.registers} == {ON_DEMAND} for group in circles)
    assert {group.state for group in circles} == {"in_use", "cancelled", "other"}
    assert sum(group.administrator for group in circles) == 2


def test_every_family_has_lines_that_customers_see_live() -> None:
    assert {server.family for server in SERVERS if server.live} == set(FAMILIES)
    lines = Counter(line.server for line in all_lines() if line.registers)
    assert all(lines[server.hostname] >= 5 for server in SERVERS)
    assert lines.most_common(1)[0][0] == LIVE
    shown = [line for line in all_lines() if line.server and BY_NAME[line.server].family != "kamailio"]
    assert all((line.server or "").partition(".")[0] in line.note for line in shown)


def test_numbers_are_nobodys_twice() -> None:
    assert max(Counter(line.number for line in all_lines()).values()) == 1
    assert {len(line.number) for line in all_lines()} == {11}


def test_it_is_the_same_every_time() -> None:
    assert customers.customers() == customers.customers()
    assert plan(SECRET, ADDRESSES) == plan(SECRET, ADDRESSES)


def test_about_200_phones_of_every_kind() -> None:
    phones = plan(SECRET, ADDRESSES)
    kinds = Counter(phone["behaviour"] for phone in phones)
    assert 190 <= len(phones) <= 250
    assert kinds[Behaviour.STAYS] > 150
    assert kinds[Behaviour.COMES_AND_GOES] > 10
    assert 2 <= kinds[Behaviour.WRONG_PASSWORD] <= 10
    wrong = {phone["server"] for phone in phones if phone["behaviour"] == Behaviour.WRONG_PASSWORD}
    assert wrong == set(ADDRESSES.values())
    assert [phone["behaviour"] for phone in phones if phone["user_agent"] == HOSTILE_USER_AGENT] == [Behaviour.STAYS]
    assert len({phone["user_agent"] for phone in phones}) > 15


def test_every_phone_knows_its_password_but_those_that_shall_not() -> None:
    known = {ADDRESSES[server]: users(SECRET, server) for server in ADDRESSES}
    for phone in plan(SECRET, ADDRESSES):
        right = known[phone["server"]][phone["user"]] == phone["password"]
        assert right == (phone["behaviour"] is not Behaviour.WRONG_PASSWORD)


def test_the_reserved_line_is_nobodys_and_its_password_is_its_portal_password() -> None:
    line = reserved_line()
    assert line.number not in {phone["user"] for phone in plan(SECRET, ADDRESSES)}
    assert users(SECRET, LIVE)[line.number] == password(SECRET, printed_logins()["unique"])


def test_passwords_need_the_secret() -> None:
    assert password(SECRET, "hikari") != password(SECRET[1:], "hikari")
    assert password(SECRET, "hikari") not in repr(customers.customers())


def test_loading_twice_adds_nothing(session: Session) -> None:
    load(session, SECRET, URLS)
    first = counts(session)
    moved = URLS | {LIVE: "http://127.0.0.1:3/RPC"}
    load(session, SECRET, moved)
    assert counts(session) == first
    assert first[:3] == [2, 6, len(all_lines())]
    live = session.scalars(select(SipServer).filter_by(hostname=LIVE)).one()
    assert (live.management_url, live.live, live.pull_interval) == (moved[LIVE], True, 5.0)


def test_no_credentials_are_in_the_database(session: Session) -> None:
    load(session, SECRET, URLS)
    found = {server.family: server.credentials for server in session.scalars(select(SipServer)) if server.credentials}
    assert set(found) == {"opensips", "asterisk", "freeswitch"}
    assert all(text.startswith("env:DEMO_") for text in found.values())


def test_every_type_of_the_guide_and_every_mode_is_there(session: Session) -> None:
    load(session, SECRET, URLS)
    lines = session.scalars(select(Unique)).all()
    assert {line.type_code for line in lines} == set(session.scalars(select(UniqueType.code)))
    seen = {
        (
            line.type.name_ja,
            mode_of(
                line.type.rule,
                server_live=line.server.live if line.server else None,
                ip_authentication=line.ip_authentication,
            ),
        )
        for line in lines
    }
    assert {
        (customers.TRUNK2, Mode.LIVE),
        (customers.TRUNK2, Mode.NONE),
        (customers.TRUNK, Mode.ON_DEMAND),
        (customers.PHONE, Mode.LIVE),
        (customers.PHONE, Mode.ON_DEMAND),
        (customers.CONFERENCE, Mode.NONE),
    } <= seen
    assert all(line.pickup_group for line in lines if line.circle.number == "100000001003")


def test_the_printed_logins_work_after_the_secret_was_lost(session: Session) -> None:
    load(session, "another secret", URLS)
    load(session, SECRET, URLS)
    logins = printed_logins()
    account = session.scalars(select(Account).filter_by(login_id=logins["account"])).one()
    line = session.scalars(select(Unique).filter_by(number=logins["unique"])).one()
    staff = session.scalars(select(Staff).filter_by(login_id=logins["staff"])).one()
    assert verify(account.password_hash, password(SECRET, logins["account"]))
    assert verify(line.password_hash, password(SECRET, logins["unique"]))
    assert verify(staff.password_hash, password(SECRET, logins["staff"]))


def test_a_line_without_a_server_registers_nowhere() -> None:
    assert not replace(reserved_line(), server=None).registers
    assert not replace(reserved_line(), type_name=customers.TRUNK2, ip_authentication=True).registers
