"""Every write leaves an entry, and staff read them per customer."""

import ast
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy.orm import Session

from app.audit_words import ACTIONS, details_of
from app.models import AuditEntry, PrincipalKind
from tests.support.customers import PASSWORD, Customers
from tests.support.portal import Portal

APP = Path(__file__).parents[2] / "app"
AT = datetime(2026, 4, 1, 3, 0, tzinfo=UTC)


def entry(account_id: int | None, number: int = 0, **changes: object) -> AuditEntry:
    values: dict[str, object] = {
        "at": AT + timedelta(minutes=number),
        "account_id": account_id,
        "kind": PrincipalKind.ACCOUNT,
        "principal_id": account_id or 1,
        "who": "owner",
        "address": "192.0.2.7",
        "action": "login.password",
        "target": f"target-{number:03}",
    }
    return AuditEntry(**(values | changes))


@pytest.fixture
def path(customers: Customers) -> str:
    return f"/support/audit/{customers.accounts['owner']}"


def test_a_write_is_there_with_who_what_when_and_where(owner: Portal, staff: Portal, path: str) -> None:
    owner.environ_base["REMOTE_ADDR"] = "203.0.113.9"
    page = owner.get("/account")
    new = "kumo no ue no denwa 7"
    owner.submit(page, "/account/password", current=PASSWORD, password=new, again=new)
    text = staff.get(path).text
    for words in ("ポータルのパスワードを変更", "owner", "203.0.113.9", "JST"):
        assert words in text
    assert new not in text


def test_each_customer_has_its_own(staff: Portal, session: Session, customers: Customers, path: str) -> None:
    session.add_all([entry(customers.accounts["owner"], 1), entry(customers.accounts["stranger"], 2), entry(None, 3)])
    session.commit()
    pages = {
        "owner": staff.get(path).text,
        "stranger": staff.get(f"/support/audit/{customers.accounts['stranger']}").text,
        "nobody": staff.get("/support/audit/portal").text,
    }
    found = {name: [n for n in (1, 2, 3) if f"target-{n:03}" in text] for name, text in pages.items()}
    assert found == {"owner": [1], "stranger": [2], "nobody": [3]}


@pytest.mark.usefixtures("any_database")
def test_the_newest_come_first_a_hundred_to_a_page(
    staff: Portal, session: Session, customers: Customers, path: str
) -> None:
    session.add_all(entry(customers.accounts["owner"], number) for number in range(130))
    session.commit()
    first, second = staff.get(path).text, staff.get(f"{path}?page=2").text
    assert [n for n in range(130) if f"target-{n:03}" in first] == list(range(30, 130))
    assert [n for n in range(130) if f"target-{n:03}" in second] == list(range(30))
    assert first.index("target-129") < first.index("target-030")
    assert 'rel="next"' in first
    assert 'rel="next"' not in second
    for odd in ("0", "-1", "x", "99999999999999999999"):
        assert staff.get(path, query_string={"page": odd}).status_code == 200


@pytest.mark.usefixtures("any_database")
def test_filters(staff: Portal, session: Session, customers: Customers, path: str) -> None:
    account = customers.accounts["owner"]
    session.add_all(
        [
            entry(account, 1),
            entry(account, 2, kind=PrincipalKind.STAFF, who="staff"),
            entry(account, 3, action="login.email", target="05010000001"),
            entry(account, 4, target="100%"),
        ]
    )
    session.commit()

    def shown(**query: str) -> list[int]:
        text = staff.get(path, query_string=query).text
        return [
            n for n, mark in enumerate(("target-001", "target-002", "05010000001", "100%<"), 1) if f">{mark}" in text
        ]

    assert shown() == [1, 2, 3, 4]
    assert shown(by="staff") == [2]
    assert shown(by="customer") == [1, 3, 4]
    assert shown(action="login.email") == [3]
    assert shown(q="0501000") == [3]
    assert shown(q="STAFF") == [2]
    assert shown(q="%") == [4]
    assert shown(by="' or 1=1 --", action="rubbish") == [1, 2, 3, 4]


def test_what_was_written_is_text(staff: Portal, session: Session, customers: Customers, path: str) -> None:
    detail = '{"name": ["", "<script>alert(1)</script>"]}'
    session.add(entry(customers.accounts["owner"], target="<i>x</i>", who="<u>", detail=detail, action="<b>new</b>"))
    session.commit()
    text = staff.get(path).text
    assert "(なし) → &lt;script&gt;" in text
    for markup in ("<script>alert", "<i>x", "<u>", "<b>new"):
        assert markup not in text


@pytest.mark.parametrize(
    ("detail", "shown"),
    [
        ("", []),
        ("not json", [("", "not json")]),
        ("[1]", [("", "[1]")]),
        ('{"a": ["x", "y"]}', [("a", "x → y")]),
        ('{"a": [1, 2, 3], "b": 4}', [("a", "1, 2, 3"), ("b", "4")]),
    ],
)
def test_details(detail: str, shown: list[tuple[str, str]]) -> None:
    assert details_of(detail) == shown


@pytest.mark.usefixtures("customers")
@pytest.mark.parametrize(
    ("text", "found"),
    [("owner", ["owner"]), ("株式会社", ["owner", "stranger"]), ("10000000000", ["owner"]), ("0502", ["stranger"]),
     ("", ["owner", "stranger"]), ("%", []), ("staff", [])],
)  # fmt: skip
def test_customers_are_found_by_what_they_say_on_the_phone(staff: Portal, text: str, found: list[str]) -> None:
    page = staff.get("/support/audit", query_string={"q": text}).text
    assert [name for name in ("owner", "stranger") if f">{name}</a>" in page] == found


def test_a_customer_that_is_not(staff: Portal) -> None:
    assert staff.get("/support/audit/999").status_code == 404


def test_every_action_has_its_words() -> None:
    """The first word after the session in each call of `audit.record`, and each word that is passed on to one."""
    nodes = [node for path in APP.rglob("*.py") for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))]
    calls = [
        node for node in nodes
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "record"
    ]  # fmt: skip
    written = {
        argument.value
        for call in calls
        for argument in call.args[1:2]
        if isinstance(argument, ast.Constant) and isinstance(argument.value, str)
    }
    assert "unique.edit" in written
    assert written <= ACTIONS.keys()
