"""What happens at the registrar, for the management interfaces that tell it as events."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from demo.registrar.bindings import Binding
from demo.registrar.contacts import Address
from demo.registrar.digest import Verdict
from demo.registrar.sip import Request


class Change(StrEnum):
    """What became of a binding."""

    CAME = "came"
    REFRESHED = "refreshed"
    LEFT = "left"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Attempt:
    """A REGISTER for `user`, as its To has it, and what its credentials amount to. `at` is in epoch seconds."""

    user: str
    verdict: Verdict
    request: Request
    source: Address
    at: float


@dataclass(frozen=True, slots=True)
class Moved:
    """A binding of the line `aor` came, was refreshed, or ended."""

    aor: str
    change: Change
    binding: Binding
    at: float


Happening = Attempt | Moved
Listener = Callable[[Happening], None]


def changes(before: list[Binding], after: list[Binding]) -> list[tuple[Change, Binding]]:
    """What a REGISTER did to a line's bindings."""
    old = {binding.contact.uri: binding for binding in before}
    new = {binding.contact.uri: binding for binding in after}
    came = [
        (Change.REFRESHED if uri in old else Change.CAME, binding)
        for uri, binding in new.items()
        if old.get(uri) != binding
    ]
    return came + [(Change.LEFT, binding) for uri, binding in old.items() if uri not in new]


def sender(binding: Binding) -> Address:
    """Where the REGISTER of a binding came from."""
    host, _, port = (binding.origin.received or "sip:0.0.0.0:0").removeprefix("sip:").rpartition(":")
    return host, int(port)
