"""Puts the demo's customers into the database; what is already there stays."""

from argon2 import PasswordHasher
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.auth.passwords import verify
from app.domain.aor import aor_key
from app.models import Account, Circle, CircleState, SipServer, Staff, Unique, UniqueType
from demo import customers
from demo.customers import Customer, Group, Line, password
from demo.servers import BY_NAME

_KINDS = {
    customers.SMARTPHONE: "モバイル",
    customers.MOBILE: "モバイル",
    customers.TRUNK: "直収",
    customers.TRUNK2: "直収",
}
# They guard nothing and are printed: dear hashes would only keep a newcomer waiting for some seconds.
_HASHER = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)


def load(session: Session, secret: str, management_urls: dict[str, str]) -> None:
    """Add what is missing to a migrated database, and commit.

    The `management_urls` by hostname are put right every time: ports change from start to start. So are the passwords
    of the printed logins.
    """
    types = {kind.name_ja: kind for kind in session.scalars(select(UniqueType))}
    servers = {name: _server(session, name, url) for name, url in management_urls.items()}
    _staff(session, secret)
    for customer in customers.customers():
        if session.scalar(select(Account.id).filter_by(login_id=customer.login_id)) is None:
            session.add(_account(customer, secret, types, servers))
    session.flush()
    _put_back_passwords(session, secret)
    session.commit()


def _server(session: Session, hostname: str, url: str) -> SipServer:
    server = session.scalar(select(SipServer).filter_by(hostname=hostname))
    if server is None:
        known = BY_NAME[hostname]
        server = SipServer(hostname=hostname, family=known.family, live=known.live, pull_interval=5.0)
        server.credentials = f"env:{known.credentials}" if known.credentials else None
        session.add(server)
    server.management_url = url
    return server


def _staff(session: Session, secret: str) -> None:
    if session.scalar(select(Staff.id).filter_by(login_id=customers.STAFF_LOGIN)) is None:
        encoded = _HASHER.hash(password(secret, customers.STAFF_LOGIN))
        session.add(Staff(login_id=customers.STAFF_LOGIN, name=customers.STAFF_NAME, password_hash=encoded))


def _account(customer: Customer, secret: str, types: dict[str, UniqueType], servers: dict[str, SipServer]) -> Account:
    return Account(
        login_id=customer.login_id,
        name=customer.name,
        email=customer.email,
        password_hash=_HASHER.hash(password(secret, customer.login_id)),
        circles=[_circle(group, customer.email, secret, types, servers) for group in customer.groups],
    )


def _circle(
    group: Group, email: str, secret: str, types: dict[str, UniqueType], servers: dict[str, SipServer]
) -> Circle:
    return Circle(
        number=group.number,
        password_hash=_HASHER.hash(password(secret, group.number)),
        email=email,
        administrator=group.administrator,
        user_information=group.user_information,
        department=group.department,
        person_in_charge=group.person_in_charge,
        applied_on=group.applied_on,
        state=CircleState(group.state),
        uniques=[_unique(line, secret, types[line.type_name], servers) for line in group.lines],
    )


def _unique(line: Line, secret: str, kind: UniqueType, servers: dict[str, SipServer]) -> Unique:
    shown_as = _KINDS.get(line.type_name, "内線")
    return Unique(
        number=line.number,
        type=kind,
        server=servers[line.server] if line.server else None,
        aor=aor_key(line.number),
        ip_authentication=line.ip_authentication,
        password_hash=_HASHER.hash(password(secret, line.number)) if line.may_log_in else None,
        name=line.name,
        affiliation=line.affiliation,
        note=line.note,
        pickup_group=line.pickup_group,
        incoming_extension=line.extension,
        incoming_phone=line.phone,
        incoming_kind=shown_as,
        outgoing_extension=line.extension,
        outgoing_phone=line.phone,
        outgoing_kind=shown_as,
    )


def _put_back_passwords(session: Session, secret: str) -> None:
    logins = customers.printed_logins()
    holders: dict[str, Account | Circle | Unique | Staff] = {
        logins["account"]: session.scalars(select(Account).filter_by(login_id=logins["account"])).one(),
        logins["circle"]: session.scalars(select(Circle).filter_by(number=logins["circle"])).one(),
        logins["unique"]: session.scalars(select(Unique).filter_by(number=logins["unique"])).one(),
        logins["staff"]: session.scalars(select(Staff).filter_by(login_id=logins["staff"])).one(),
    }
    for login_id, holder in holders.items():
        if not verify(holder.password_hash, password(secret, login_id)):
            holder.password_hash = _HASHER.hash(password(secret, login_id))
