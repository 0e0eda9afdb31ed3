"""Which class speaks to which server family: a new family is its own folder and one line here."""

import importlib
from collections.abc import Callable, Iterable
from typing import cast

from workers.sip.base import Adapter, Endpoint, Problem, SipError

FAMILIES = {
    "kamailio": "workers.sip.kamailio.client:KamailioAdapter",
    "opensips": "workers.sip.opensips.client:OpensipsAdapter",
    "asterisk": "workers.sip.asterisk.client:AsteriskAdapter",
    "freeswitch": "workers.sip.freeswitch.client:FreeswitchAdapter",
}


def adapter_for(family: str, endpoint: Endpoint, known_aors: Callable[[], Iterable[str]] | None = None) -> Adapter:
    """The adapter of `family` for one server. `known_aors` streams the keys of our lines there, for a sweep.

    Raises SipError(CONFIGURATION) for a family that nobody has written.
    """
    path = FAMILIES.get(family)
    if path is None:
        known = ", ".join(FAMILIES)
        raise SipError(Problem.CONFIGURATION, f"unknown server family; known are {known}", permanent=True)
    module, _, name = path.partition(":")
    return cast("Adapter", getattr(importlib.import_module(module), name)(endpoint, known_aors=known_aors))
