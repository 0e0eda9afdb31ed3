"""The adapter for Kamailio. See docs/servers/kamailio.md for its options."""

from collections.abc import Callable, Generator, Iterable
from datetime import UTC, datetime

from app.domain.registration import AuthFailure, Lookup, Registration
from workers.sip import subscriber
from workers.sip.base import Capability, Check, Endpoint, Event, Problem, Pull, SipError
from workers.sip.kamailio import dump, events, failures, htable, location, parse, sweep
from workers.sip.kamailio.check import examine
from workers.sip.kamailio.rpc import Rpc
from workers.sip.kamailio.site import DATABASES, Site, refuse_loading, state

_SNAPSHOTS = {"htable": htable.pull, "sql": location.pull, "sweep": sweep.pull}


def _now() -> datetime:
    return datetime.now(UTC)


class KamailioAdapter:
    """base.Adapter and base.EventSource. `known_aors` are the lines that a sweep asks for.

    The URL is http(s)://host:port/RPC, or udp://host:port or unix:///path of a datagram socket; postgresql:// or
    sqlite:// for a server that is read by nothing but its location table.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], datetime] = _now,
        known_aors: Callable[[], Iterable[str]] | None = None,
    ) -> None:
        self._site = Site(endpoint, now, known_aors)
        self._store = subscriber.SubscriberTable.of(endpoint.options)
        self._events = endpoint.options.get("events")

    @property
    def capabilities(self) -> frozenset[Capability]:
        """See base.Adapter: what the options make possible."""
        able = {Capability.SNAPSHOT, Capability.LOOKUP}
        if self._site.failures and self._site.scheme not in DATABASES:
            able.add(Capability.AUTH_FAILURES)
        if self._events:
            able.add(Capability.EVENTS)
        if self._store:
            able.add(Capability.SET_PASSWORD)
        return frozenset(able)

    def snapshot(self) -> Pull:
        """See base.Adapter."""
        site = self._site
        if site.source == "dump":
            return Pull.of(dump.pull(site), site.now)
        return Pull(_SNAPSHOTS[site.source](site), lag=site.lag if site.source == "sql" else 0.0)

    def lookup(self, aor: str) -> Lookup:
        """See base.Adapter. A line whose contacts cannot be read is SipError(GARBAGE), not one without any."""
        site = self._site
        if site.scheme in DATABASES:
            return location.lookup(site, aor)
        asked_at = site.now()
        with site.rpc() as rpc:
            answer = rpc.ask("ul.lookup", *site.question(aor))
            if isinstance(answer, parse.Fault):
                return _nobody(rpc, site, aor, answer) or Lookup(Registration(aor), asked_at)
        return Lookup(parse.looked_up(answer, aor, site.home, site.now()), asked_at)

    def auth_failures(self, since: datetime) -> list[AuthFailure]:
        """See base.Adapter. Raises SipError(TABLE_MISSING) where the server does not keep any."""
        if Capability.AUTH_FAILURES not in self.capabilities:
            raise SipError(Problem.UNSUPPORTED, "no htable of failures is configured", permanent=True)
        return failures.read(self._site, since)

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
            return examine(self._site, self.capabilities)
        except SipError as error:
            return Check(problems=((error.problem, error.detail),))

    def events(self) -> Generator[Event | None, None, None]:
        """See base.EventSource. Only whoever reads them knows how long a broken stream was not heard."""
        if not self._events:
            raise SipError(Problem.UNSUPPORTED, "no events are configured", permanent=True)
        return events.hear(self._site, self._events)


def _nobody(rpc: Rpc, site: Site, aor: str, fault: parse.Fault) -> Lookup | None:
    """None where the server says that there is nobody, and knows; what its table says where it may not know yet."""
    if not fault.nobody:
        raise fault.error()
    try:
        refuse_loading(rpc, site, state(rpc, site).uptime)
    except SipError as error:
        if error.problem is not Problem.LOADING or site.source != "sql":
            raise
        return location.lookup(site, aor)
    return None
