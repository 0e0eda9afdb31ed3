"""Pages of a list that cost the same wherever in it they are.

A list is read from an index, from its nearer end; a page that is far from both goes on from a row of its neighbour.
Only who types the number of such a page into the address makes the database count its way there, in the index alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Row, select, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.lists.wanted import Wanted

_FAR = 1000
"""Rows from an end of the list up to which counting is as good."""


@dataclass(frozen=True, slots=True)
class Run:
    """Rows that stand together in the list, and in one piece of an index."""

    where: tuple[ColumnElement[bool], ...]
    rows: int


@dataclass(frozen=True, slots=True)
class Listing:
    """A whole list: runs, one after the other, each sorted by the keys."""

    runs: tuple[Run, ...]
    id: InstrumentedAttribute[int]
    keys: tuple[InstrumentedAttribute[Any], ...]
    """The last is different for each row: it is what is read."""
    descending: bool
    """Of the keys; the runs stand in their order."""
    size: int
    """Rows of a page."""

    @property
    def total(self) -> int:
        """Rows of the list."""
        return sum(run.rows for run in self.runs)

    @property
    def last(self) -> int:
        """The last page's number; an empty list has one page."""
        return max(1, -(-self.total // self.size))

    def backwards(self) -> "Listing":
        """The same list from its end."""
        return replace(self, runs=self.runs[::-1], descending=not self.descending)

    def is_far(self, page: int) -> bool:
        """Whether the neighbours of a page are better found from its rows."""
        return min(page * self.size, self.total - page * self.size) >= _FAR


def read(session: Session, listing: Listing, wanted: Wanted, page: int) -> list[Any]:
    """The last keys of the rows of a page that the list has, in its order."""
    if wanted.after and (found := _beyond(session, listing, wanted.after)):
        return found
    if wanted.before and (found := _beyond(session, listing.backwards(), wanted.before)):
        return found[::-1]
    first, total = (page - 1) * listing.size, listing.total
    count = min(listing.size, total - first)
    if first <= total // 2:
        return _take(session, listing, first, count)
    return _take(session, listing.backwards(), total - first - count, count)[::-1]


def _take(session: Session, listing: Listing, skip: int, count: int) -> list[Any]:
    found: list[Any] = []
    for run in listing.runs:
        if len(found) < count and skip < run.rows:
            query = select(listing.keys[-1]).where(*run.where).order_by(*_order(listing))
            found += session.scalars(query.offset(skip).limit(count - len(found)))
        skip = max(0, skip - run.rows)
    return found


def _beyond(session: Session, listing: Listing, row_id: int) -> list[Any]:
    """Up to a page of rows behind a row of the list; nothing when it has left the list meanwhile."""
    for at, run in enumerate(listing.runs):
        row = session.execute(select(*listing.keys).where(*run.where, listing.id == row_id)).first()
        if row is not None:
            rest = replace(run, where=(*run.where, _behind(listing, row)))
            return _take(session, replace(listing, runs=(rest, *listing.runs[at + 1 :])), 0, listing.size)
    return []


def _behind(listing: Listing, row: Row[*tuple[Any, ...]]) -> ColumnElement[bool]:
    keys = tuple_(*listing.keys)
    return keys < tuple(row) if listing.descending else keys > tuple(row)


def _order(listing: Listing) -> Iterator[ColumnElement[Any]]:
    return (key.desc() if listing.descending else key.asc() for key in listing.keys)
