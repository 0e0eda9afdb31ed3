"""The unique list sorted or filtered by state, which only Redis knows: all lines of the tab are judged for a page.

That is one query and one round trip for at most `MOST_BY_STATE` lines, and only for who asks for it.
"""

from typing import Final

from sqlalchemy.orm import Session

from app import status
from app.directory import PAGE_SIZE, Page
from app.domain.sign import PROBLEMS_FIRST, SignKind
from app.lists import uniques
from app.lists.wanted import Wanted
from app.models import Unique
from app.scope import Scope
from app.services import services

_ASKED = frozenset((SignKind.CHECKING, SignKind.CHECK_FAILED))
_RANKS: Final = {kind: rank for rank, kind in enumerate(PROBLEMS_FIRST)}


def page(session: Session, scope: Scope, circle_id: int, wanted: Wanted) -> Page[Unique]:
    """The wanted page. Within one state the lines stand by number."""
    lines = uniques.lines(session, circle_id, wanted)
    facts, now = status.facts_of(lines), services().clock()
    judged = [(line.unique_id, facts[line.unique_id].sign(now).kind) for line in lines]
    if wanted.state:
        judged = [(unique_id, kind) for unique_id, kind in judged if _filtered_as(kind) == wanted.state]
    if wanted.sort == uniques.BY_STATE:
        judged.sort(key=lambda pair: _RANKS[pair[1]], reverse=wanted.descending)
    number = min(wanted.page, Page([], 1, len(judged)).last)
    shown = judged[(number - 1) * PAGE_SIZE : number * PAGE_SIZE]
    return Page(uniques.rows(session, scope, [unique_id for unique_id, _ in shown]), number, len(judged))


def _filtered_as(kind: SignKind) -> SignKind:
    return SignKind.ASK if kind in _ASKED else kind
