"""What is rare, so that the demo shows every state of every screen: a server that is away, links, an audit trail."""

import json
from datetime import UTC, datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.models import Account, AuditEntry, Circle, NavigationLink, PrincipalKind, SipServer, Staff, Unique
from demo import customers

AWAY = "sip9.cldpbx.com"
"""A login server that never answers."""
_NOTHING_THERE = "http://127.0.0.1:9/RPC"
_LINKS = (
    ("calls", "通話履歴", "Call history", "https://calls.example.jp/"),
    ("prepaid", "プリペイド", "Prepaid", "https://prepaid.example.jp/"),
    ("contact", "お問い合わせ", "Contact us", "https://support.example.jp/"),
)


def load(session: Session) -> None:
    """Add what is missing and commit."""
    if session.scalar(select(SipServer.id).filter_by(hostname=AWAY)) is not None:
        return
    account = session.scalars(select(Account).filter_by(login_id=customers.customers()[0].login_id)).one()
    circle = session.scalars(select(Circle).filter_by(number=customers.customers()[0].groups[1].number)).one()
    staff = session.scalars(select(Staff).filter_by(login_id=customers.STAFF_LOGIN)).one()
    server = SipServer(hostname=AWAY, family="kamailio", management_url=_NOTHING_THERE, live=True, pull_interval=60.0)
    session.add_all([server, *_lines(circle, server), *_trail(account, circle, staff)])
    session.add_all(
        NavigationLink(key=key, name_ja=ja, name_en=en, url=url, position=place)
        for place, (key, ja, en, url) in enumerate(_LINKS)
    )
    session.commit()


def _lines(circle: Circle, server: SipServer) -> list[Unique]:
    """One whose status nobody knows, and one that nobody has assigned yet."""
    known = {"circle": circle, "type_code": "sip_phone", "affiliation": "物流センター", "incoming_kind": "内線"}
    places = (
        ("05000020098", "出荷場", server, "サーバー保守中"),
        ("05000020099", "増設予定", None, "ログインサーバー割り当て待ち"),
    )
    return [
        Unique(number=number, aor=number, name=name, server=at, note=note, outgoing_kind="内線", **known)
        for number, name, at, note in places
    ]


def _trail(account: Account, circle: Circle, staff: Staff) -> list[AuditEntry]:
    """A morning's work of the customer and of support."""
    began = datetime.now(UTC) - timedelta(days=3)
    owner = (PrincipalKind.ACCOUNT, account.id, account.login_id, "192.0.2.14")
    branch = (PrincipalKind.CIRCLE, circle.id, circle.number, "198.51.100.7")
    helper = (PrincipalKind.STAFF, staff.id, staff.login_id, "203.0.113.2")
    line = "05000020003"
    acts: tuple[tuple[tuple[PrincipalKind, int, str, str], str, str, dict[str, object]], ...] = (
        (owner, "login.language", account.login_id, {"language": ["", "ja"]}),
        (owner, "request.cancel_unique", line, {}),
        (owner, "request.undo", line, {}),
        (branch, "unique.edit", line, {"name": ["", "受付カウンター"]}),
        (branch, "unique.password", line, {"generated": True}),
        (helper, "request.refuse", "05000020004", {}),
    )
    return [
        AuditEntry(
            at=began + timedelta(minutes=17 * position),
            account_id=account.id,
            kind=kind,
            principal_id=principal_id,
            who=who,
            address=address,
            action=action,
            target=target,
            detail=json.dumps(detail, ensure_ascii=False) if detail else "",
        )
        for position, ((kind, principal_id, who, address), action, target, detail) in enumerate(acts)
    ]
