"""What a customer may write into a line: its name, affiliation and note."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Final

from sqlalchemy.orm import Session

from app import audit, directory
from app.domain.text import clean
from app.models import PrincipalKind, Unique
from app.scope import Scope

LIMITS: Final[Mapping[str, int]] = {"name": 200, "affiliation": 200, "note": 1000}
"""Characters that each field may have."""


@dataclass(frozen=True, slots=True)
class Labels:
    """What people write about a line, made fit to be shown."""

    name: str
    affiliation: str
    note: str

    @classmethod
    def typed(cls, name: str, affiliation: str, note: str) -> "Labels":
        """As it came from a form; a note may have several lines."""
        lines = [_fit(line, "note") for line in note.splitlines()]
        return cls(_fit(name, "name"), _fit(affiliation, "affiliation"), "\n".join(lines).strip())

    def too_long(self) -> tuple[str, ...]:
        """The fields that hold more than may be kept."""
        return tuple(name for name, limit in LIMITS.items() if len(getattr(self, name)) > limit)


def _fit(text: str, field: str) -> str:
    # One more than may be kept, so that what is too long is refused and not cut behind a person's back.
    return clean(text, LIMITS[field] + 1)


def may_edit(scope: Scope) -> bool:
    """Whether the caller may edit the lines that it sees: a line's own login only looks."""
    return scope.kind is not PrincipalKind.UNIQUE


def edit_unique(session: Session, scope: Scope, unique_id: int, labels: Labels) -> Unique | None:
    """Store the labels and commit; None for a line that does not exist or is somebody else's."""
    row = directory.unique(session, scope, unique_id)
    if row is None or not may_edit(scope):
        return None
    changed: dict[str, object] = {}
    for name in (field.name for field in fields(labels)):
        before, after = getattr(row, name), getattr(labels, name)
        if before != after:
            setattr(row, name, after)
            changed[name] = [before, after]
    if changed:
        audit.record(session, "unique.edit", target=row.number, account_id=row.circle.account_id, detail=changed)
    session.commit()
    return row
