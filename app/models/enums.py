"""How enumerations are stored."""

from enum import StrEnum

from sqlalchemy import Enum


def stored_enum(kind: type[StrEnum]) -> Enum:
    """As their words, in a plain text column: a new word needs no migration."""
    return Enum(
        kind,
        native_enum=False,
        create_constraint=False,
        length=32,
        values_callable=lambda kinds: [word.value for word in kinds],
    )
