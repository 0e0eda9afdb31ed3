"""The details of one line's registration, for its page, the panel beside a list, and the poll."""

from flask_login import current_user

from app import directory
from app.auth.sessions import principal
from app.domain.failure import Failures, latest_error
from app.domain.registration import Registration
from app.domain.sign import Mode, SignKind
from app.extensions import db
from app.failure_words import in_words
from app.live.company import company
from app.live.past import recent
from app.models import Unique
from app.overwriting import abilities_at
from app.presenter import Cell, detail_digest
from app.reach import reach
from app.services import services
from app.store import failures as store
from app.store.lines import Facts, Line


def registration_of(facts: Facts, cell: Cell, *, unless: str = "") -> dict[str, object] | None:
    """What the template of the details wants; None when its digest is `unless`."""
    registration = facts.registration()
    failures = _latest_error(facts.line, registration)
    able = abilities_at(facts.line.server_id)
    digest = detail_digest(cell, registration, failures, able)
    if digest == unless or not current_user.is_authenticated:
        # Redis may know a login for some minutes longer than the database.
        return None
    row = directory.unique(db.session(), principal().scope, cell.unique_id)
    if row is None:
        return None
    claimed = cell.sign.kind in (SignKind.REGISTERED, SignKind.UNKNOWN)
    return {
        "unique": row,
        "cell": cell,
        "contacts": registration.contacts if claimed else (),
        "error": in_words(failures, overwritable=able.sets_passwords) if failures else None,
        "able": able,
        "server": facts.server,
        "digest": digest,
        "company": _company(row, facts, cell),
        "standing": facts.standing(),
        "recent": recent(row, facts, cell),
        "now": services().clock(),
        "staff": principal().is_staff,
    }


def _company(row: Unique, facts: Facts, cell: Cell) -> str:
    if cell.sign.kind is not SignKind.NOT_REGISTERED:
        return ""
    return company(db.session(), row, facts, services().clock())


def _latest_error(line: Line, registration: Registration) -> Failures | None:
    if line.server_id is None or line.mode is Mode.NONE:
        return None
    server_id = line.server_id
    return latest_error(reach(lambda redis: store.read(redis, server_id, line.aor), None), registration)
