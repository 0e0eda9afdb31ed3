"""One customer with a line in each state, and with everything that pages can show of them."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from app.domain.links import link_digest
from app.models import AuditEntry, LinkPurpose, MailedLink, PrincipalKind, RequestKind, RequestState, ServiceRequest
from app.models.base import now
from tests.browser.stack import ASKED, KEEPER, NOWHERE, QUICK, Line, Place, Stack
from tests.support.registrar import REALM
from tests.support.sip import Phone

_LINK = "a-link-that-nobody-mailed"


@dataclass(frozen=True, slots=True)
class World:
    """The customer, and how each kind of person logs in."""

    place: Place
    names: dict[str, object]
    """What the paths of pages are made of."""
    login_ids: dict[str, str]

    @property
    def mistyped(self) -> Line:
        """A line whose phone has a wrong password."""
        return self.place.lines[1]

    @property
    def asked(self) -> Line:
        """A line on demand."""
        return self.place.lines[2]


@contextmanager
def world(stack: Stack, login_id: str) -> Iterator[World]:
    """Its phones stay as long as it is used."""
    account = stack.account(login_id)
    place = stack.circle(QUICK, KEEPER, ASKED, NOWHERE, None, account=account)
    registered, mistyped, asked, silent, room = place.lines
    stack.store(*_requests(account, place), *_links(account), *_entries(account, stack.staff, place))
    with (
        stack.phone(registered) as phone,
        Phone(stack.keeper.address, mistyped.number, "mistyped", domain=REALM) as other,
    ):
        assert phone.register() == 200
        assert other.register() == 401
        yield World(
            place,
            {
                "account": account,
                "circle": place.id,
                "number": registered.number[:6],
                "registered": registered.id,
                "mistyped": mistyped.id,
                "asked": asked.id,
                "silent": silent.id,
                "room": room.id,
                "link": _LINK,
            },
            {"account": login_id, "circle": place.number, "unique": mistyped.number, "staff": "support"},
        )


def _requests(account: int, place: Place) -> list[ServiceRequest]:
    _, mistyped, asked, silent, room = place.lines
    states = {
        asked: RequestState.REQUESTED,
        mistyped: RequestState.UNDONE,
        silent: RequestState.CARRIED_OUT,
        room: RequestState.REFUSED,
    }
    wish = json.dumps({"user_information": "新しい支店", "department": "総務部", "person_in_charge": "山田 花子"})
    return [
        ServiceRequest(account_id=account, kind=RequestKind.ADD_CIRCLE, wish=wish),
        *(
            ServiceRequest(
                account_id=account,
                kind=RequestKind.CANCEL_UNIQUE,
                state=state,
                circle_id=place.id,
                unique_id=line.id,
                target=line.number,
            )
            for line, state in states.items()
        ),
    ]


def _links(account: int) -> list[MailedLink]:
    purposes = {_LINK: LinkPurpose.SET_PASSWORD, f"{_LINK}-email": LinkPurpose.CONFIRM_EMAIL}
    return [
        MailedLink(
            digest=link_digest(secret),
            purpose=purpose,
            kind=PrincipalKind.ACCOUNT,
            principal_id=account,
            email="new@example.jp",
            expires_at=now() + timedelta(minutes=30),
        )
        for secret, purpose in purposes.items()
    ]


def _entries(account: int, staff: int, place: Place) -> list[AuditEntry]:
    def entry(kind: PrincipalKind, whose: int | None, action: str, detail: str) -> AuditEntry:
        return AuditEntry(
            account_id=whose, kind=kind, principal_id=staff, who=kind.value, address="192.0.2.1", action=action,
            target=place.number, detail=detail,
        )  # fmt: skip

    return [
        entry(PrincipalKind.ACCOUNT, account, "unique.edit", '{"name": ["", "受付"]}'),
        entry(PrincipalKind.STAFF, account, "request.carry_out", ""),
        entry(PrincipalKind.STAFF, None, "login.password", ""),
    ]
