"""Whose data a request may see. Every query of the directory carries one."""

from dataclasses import dataclass

from app.models import PrincipalKind


@dataclass(frozen=True, slots=True)
class Scope:
    """One principal: an account sees its circles, a circle only its lines, a unique only itself, staff everything."""

    kind: PrincipalKind
    id: int

    def __str__(self) -> str:
        return f"{self.kind.value}:{self.id}"

    @classmethod
    def parse(cls, text: str) -> "Scope":
        """The reverse of `str`. Raises ValueError."""
        kind, _, number = text.partition(":")
        return cls(PrincipalKind(kind), int(number))
