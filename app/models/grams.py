"""Parts of words, found by an index of PostgreSQL over all pairs (or threes) of neighbouring characters.

Its extension for that, pg_trgm, knows no Japanese in every locale and no word of two characters, and needs a right that
an operator may not have. SQLite has no such index: there a part is found by reading, within two seconds for a million.
"""

from typing import Any

from sqlalchemy import ColumnElement, Dialect, Integer, String, and_, func, literal_column, type_coerce
from sqlalchemy.orm import InstrumentedAttribute

from app.models.customer import Circle, Unique

Text = ColumnElement[str] | InstrumentedAttribute[str]
Indexed = tuple[ColumnElement[str], int]
"""What an index is over, and in how many characters."""
_SUFFIX = "_grams"
_PAIRS, _THREES = 2, 3
# As it stands in the indexes: a parameter would be another expression.
_SPACE = literal_column("' '", String)
NAME = (type_coerce(Unique.name_key, String), _PAIRS)
NUMBERS = (Unique.number + _SPACE + Unique.incoming_digits + _SPACE + Unique.outgoing_digits, _THREES)
"""Digits in threes: there are only a hundred pairs of them, and each is in most numbers."""
CIRCLE = (Circle.number + _SPACE + Circle.search_key, _PAIRS)


def described(name: str | None, kind: str, _parents: Any) -> bool:
    """For Alembic: whether the models should describe it. These indexes are PostgreSQL's alone."""
    return kind != "index" or not (name or "").endswith(_SUFFIX)


def contains(dialect: Dialect, column: Text, part: str, indexed: Indexed) -> ColumnElement[bool]:
    """Whether a column holds a part; `indexed` is the index that knows its rows."""
    if dialect.name != "postgresql":
        return func.instr(column, part) > 0
    holds = column.contains(part, autoescape=True)
    text, length = indexed
    if len(part) < length:
        return holds
    size = literal_column(str(length), Integer)
    # The dearer one last: where a part is frequent, the database reads rows and compares.
    return and_(holds, func.search_grams(text, size).bool_op("@>")(func.search_grams(part, size)))
