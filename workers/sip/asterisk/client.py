"""The adapter for Asterisk with PJSIP, over its manager interface (AMI)."""

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime

from app.domain.registration import AuthFailure, Lookup, PullReport, Registration
from workers.sip.asterisk import check, realtime
from workers.sip.asterisk.events import Aliases
from workers.sip.asterisk.listen import Listener
from workers.sip.asterisk.parse import has_aor, is_event, key_or_none, read_list
from workers.sip.asterisk.session import RefusalError, Session
from workers.sip.asterisk.source import contacts_of, source_of
from workers.sip.base import Capability, Check, Endpoint, Event, Problem, Pull, SipError


def _utc_now() -> datetime:
    return datetime.now(UTC)


class AsteriskAdapter:
    """One Asterisk. The URL is tcp://host[:5038] or tls://host[:5039].

    Options: `source` is ``astdb`` (linear, the default) or ``contacts`` (quadratic, refused above `dump_limit`
    contacts, 5000 by default); `ca_file`; `realtime_url`, `realtime_table` and `realm` for the device password.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], datetime] = _utc_now,
        known_aors: Callable[[], Iterable[str]] | None = None,  # noqa: ARG002  all families are built alike
    ) -> None:
        self._endpoint = endpoint
        self._now = now
        self._listener: Listener | None = None

    @property
    def capabilities(self) -> frozenset[Capability]:
        """A failed authentication is told as it happens, or never: Asterisk keeps none."""
        able = {Capability.SNAPSHOT, Capability.LOOKUP, Capability.EVENTS}
        if self._endpoint.options.get("realtime_url"):
            able.add(Capability.SET_PASSWORD)
        return frozenset(able)

    @property
    def discarded(self) -> int:
        """Messages of the present stream of events that were not believed."""
        return self._listener.discarded if self._listener else 0

    def snapshot(self) -> Pull:
        """Every registered line of the server."""
        return Pull.of(self._pull(), self._now)

    def _pull(self) -> Generator[Registration, None, PullReport]:
        # All is read before the first is given away: Asterisk drops what a slow reader does not take.
        source = source_of(self._endpoint)
        taken_at = self._now()
        with Session(self._endpoint, now=self._now) as session:
            session.ping()
            raws = contacts_of(session, source, self._endpoint)
            skew = session.clock_skew
        listed = read_list(raws, self._endpoint.hostname)
        yield from listed.lines(self._now()).values()
        return PullReport(taken_at, broken=len(listed.unread), clock_skew=skew)

    def lookup(self, aor: str) -> Lookup:
        """One line by its key, or by whatever has that key."""
        key = key_or_none(aor, self._endpoint.hostname)
        if key is None:
            raise SipError(Problem.CONFIGURATION, "no address-of-record", permanent=True)
        asked_at = self._now()
        with Session(self._endpoint, now=self._now) as session:
            raws = self._of_endpoint(session, key)
            if raws is None:
                raws = contacts_of(session, source_of(self._endpoint), self._endpoint)
        listed = read_list(raws, self._endpoint.hostname)
        line = listed.lines(self._now()).get(key, Registration(key))
        if not line.contacts and listed.unread_of(key):
            raise SipError(Problem.GARBAGE, "a contact of this line cannot be read")
        return Lookup(line, asked_at)

    def _of_endpoint(self, session: Session, aor: str) -> list[bytes] | None:
        """The contacts of the endpoint that is named like the line; None if that cannot answer for the line.

        The answer carries the device password in clear: nothing but contacts leaves this function.
        """
        try:
            raws = session.listing("PJSIPShowEndpoint", Endpoint=aor)
        except RefusalError:
            return None
        except SipError as error:
            # The table of contacts needs less: whoever may read it only is answered from it.
            if error.problem is Problem.PERMISSION:
                return None
            raise
        if not has_aor(raws, aor, self._endpoint.hostname):
            return None
        return [raw for raw in raws if is_event(raw, "ContactStatusDetail")]

    def auth_failures(self, since: datetime) -> list[AuthFailure]:  # noqa: ARG002  the protocol's signature
        """Raises SipError(UNSUPPORTED): they are heard by `events` only."""
        raise SipError(Problem.UNSUPPORTED, "Asterisk tells failures as events only", permanent=True)

    def set_password(self, aor: str, password: str) -> None:
        """Overwrite the device password in the realtime table; UNSUPPORTED without one."""
        realtime.set_password(self._endpoint, aor, password)

    def check(self) -> Check:
        """What works and what does not; takes up to a second more when the manager's user hears no events."""
        return check.check(self._endpoint, self.capabilities, self._now)

    def events(self) -> Iterator[Event | None]:
        """Events as they come; after a break they have a gap, which only the caller knows the length of."""
        self._listener = Listener(self._endpoint, self._aliases(), now=self._now)
        return self._listener.hear()

    def _aliases(self) -> Aliases:
        """Which endpoints have other lines than one of their own name; nothing if the user may only hear events."""
        try:
            with Session(self._endpoint, now=self._now) as session:
                raws = contacts_of(session, source_of(self._endpoint), self._endpoint)
        except SipError as error:
            if error.permanent:
                return {}
            raise
        return read_list(raws, self._endpoint.hostname).aliases(self._endpoint.hostname)
