"""Asks a worker to overwrite a line's device password; the portal itself keeps none."""

import json
import logging

from flask import current_app
from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app import audit, directory
from app.domain.sign import Mode
from app.models import Unique
from app.reach import reach
from app.scope import Scope
from app.services import services
from app.store import abilities as able
from app.store import passwords as store
from app.store.abilities import Abilities
from app.store.keys import TICKET_SECONDS
from app.store.passwords import Overwriting
from app.store.sealing import seal
from app.throttle import PASSWORD

log = logging.getLogger(__name__)

JOB = "workers.jobs.set_password"
"""The job's dotted name: the web never imports the workers."""
_JOB_SECONDS = 15


def abilities_at(server_id: int | None) -> Abilities:
    """What a line's server can be asked for; while Redis is away nothing is ruled out."""
    if server_id is None:
        return Abilities(sets_passwords=False)
    return reach(lambda redis: able.read(redis, server_id), Abilities())


def has_password(row: Unique) -> bool:
    """Whether a phone logs in to a server as this line."""
    return row.server_id is not None and directory.line_of(row).mode is not Mode.NONE


def overwritable(row: Unique) -> bool:
    """Whether the line has a device password that the portal can overwrite."""
    return has_password(row) and abilities_at(row.server_id).sets_passwords


def newest(row: Unique) -> Overwriting | None:
    """How the line's newest overwriting stands; None while Redis does not answer or knows of none."""
    server_id = row.server_id
    if server_id is None:
        return None
    return reach(lambda redis: store.read(redis, server_id, row.aor, services().clock()), None)


def overwrite(
    session: Session, scope: Scope, unique_id: int, password: str, strength: int, *, generated: bool
) -> str | None:
    """Ask for it, and record that; None when a worker will do it, else why not, as a problem's word.

    Raises LookupError for a line that does not exist or is somebody else's.
    """
    row = directory.unique(session, scope, unique_id)
    if row is None:
        raise LookupError(unique_id)
    if row.server_id is None or not overwritable(row):
        return "unsupported"
    throttle = services().throttle
    if not (throttle.hit(PASSWORD, str(scope)) and throttle.hit(PASSWORD, f"line:{row.id}")):
        return "limited"
    try:
        if not store.claim(services().redis, row.server_id, row.aor):
            return "under_way"
    except RedisError as error:
        log.warning("a device password can't be overwritten: %s", type(error).__name__)
        return "store"
    detail = {"generated": generated}
    audit.record(session, "unique.password", target=row.number, account_id=row.circle.account_id, detail=detail)
    session.commit()
    try:
        _enqueue(row, row.server_id, password, strength)
    except RedisError as error:
        log.warning("the overwriting of a device password may be lost: %s", type(error).__name__)
        return store.UNCONFIRMED
    return None


def _enqueue(row: Unique, server_id: int, password: str, strength: int) -> None:
    service = services()
    sealed = seal(str(current_app.secret_key), json.dumps((server_id, row.aor, password)))
    ticket = store.begin(service.redis, server_id, row.aor, sealed, strength, service.clock())
    service.lookups.enqueue(
        JOB,
        server_id,
        row.aor,
        row.circle_id,
        ticket,
        job_timeout=_JOB_SECONDS,
        ttl=TICKET_SECONDS,
        result_ttl=0,
        failure_ttl=3600,
    )
