"""The adapter for OpenSIPS 3 and 4. See docs/servers/opensips.md for its options."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime

from app.domain.registration import AuthFailure, Lookup
from workers.sip import subscriber
from workers.sip.base import Capability, Check, Endpoint, Event, Problem, Pull, SipError
from workers.sip.opensips import failures, table
from workers.sip.opensips.check import examine
from workers.sip.opensips.contact import wire_aor
from workers.sip.opensips.events import Subscription
from workers.sip.opensips.mi import open_mi
from workers.sip.opensips.site import Site, dump, line, sweep

_ABLE = frozenset((Capability.SNAPSHOT, Capability.LOOKUP, Capability.AUTH_FAILURES, Capability.EVENTS))
_SNAPSHOTS = {"sweep": sweep, "dump": dump, "sql": table.read}


def _now() -> datetime:
    return datetime.now(UTC)


class OpensipsAdapter:
    """base.Adapter and base.EventSource. `known_aors` are the lines that a sweep asks for."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], datetime] = _now,
        known_aors: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self._site = Site(endpoint, now, known_aors)
        self._store = subscriber.SubscriberTable.of(endpoint.options)
        self._subscription = Subscription(self._site)

    @property
    def capabilities(self) -> frozenset[Capability]:
        """See base.Adapter; a password can be set where options["subscriber_url"] names the table."""
        return _ABLE | {Capability.SET_PASSWORD} if self._store else _ABLE

    def snapshot(self) -> Pull:
        """See base.Adapter."""
        return Pull.of(_SNAPSHOTS[self._site.source](self._site), self._site.now)

    def lookup(self, aor: str) -> Lookup:
        """See base.Adapter. A line whose contacts cannot be read is SipError(GARBAGE), not one without any."""
        question = self._site.question(self._wire(aor))
        asked_at = self._site.now()
        with closing(open_mi(self._site.endpoint)) as mi:
            (answer,) = mi.each("ul_show_contact", [question], self._site.pace())
        registration, broken = line(answer, aor, self._site)
        if broken and not registration.contacts:
            raise SipError(Problem.GARBAGE, "none of the line's contacts can be read")
        return Lookup(registration, asked_at)

    def auth_failures(self, since: datetime) -> list[AuthFailure]:
        """See base.Adapter: what our fragment of the server's script keeps in its cache."""
        found = []
        with closing(open_mi(self._site.endpoint)) as mi:
            for prefix in (failures.KNOWN_USER, failures.UNKNOWN_USER):
                entries = mi.call("cache_fetch_chunk", {"glob": f"{prefix}*"})
                found += failures.cached(entries, self._site.home)
        return [failure for failure in found if failure.at >= since]

    def set_password(self, aor: str, password: str) -> None:
        """See base.Adapter."""
        if self._store is None:
            raise SipError(Problem.UNSUPPORTED, "no subscriber_url is configured", permanent=True)
        endpoint = self._site.endpoint
        subscriber.set_password(
            self._store,
            aor,
            password,
            home=self._site.home,
            realm=endpoint.options.get("realm"),
            timeout=endpoint.timeout,
        )

    def check(self) -> Check:
        """See base.Adapter."""
        try:
            with closing(open_mi(self._site.endpoint)) as mi:
                return examine(mi, self._site, self.capabilities)
        except SipError as error:
            return Check(problems=((error.problem, error.detail),))

    def events(self) -> Iterator[Event | None]:
        """See base.EventSource. `Gap` comes after a restart of the server and when a broken stream is taken up."""
        return self._subscription.events()

    def _wire(self, aor: str) -> str:
        try:
            return wire_aor(aor, self._site.home)
        except ValueError:
            raise SipError(Problem.CONFIGURATION, "no address-of-record", permanent=True) from None
