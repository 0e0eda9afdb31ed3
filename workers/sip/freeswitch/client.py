"""FreeSWITCH as an adapter: registrations, one line, events, over the event socket."""

from collections.abc import Callable, Generator, Iterable, Iterator
from datetime import UTC, datetime

from app.domain.aor import aor_key
from app.domain.registration import AuthFailure, Lookup, PullReport, Registration
from workers.sip.base import Capability, Check, Endpoint, Event, Gap, Problem, Pull, SipError
from workers.sip.freeswitch.check import check
from workers.sip.freeswitch.esl import Esl
from workers.sip.freeswitch.events import SUBCLASSES, EventReader
from workers.sip.freeswitch.rows import registrations
from workers.sip.freeswitch.source import Settings, find, read

_PAUSE = 1.0


def _utc_now() -> datetime:
    return datetime.now(UTC)


class FreeswitchAdapter:
    """One FreeSWITCH; its URL is tcp://host[:8021], or tls:// where a tunnel stands in front of it."""

    capabilities = frozenset((Capability.SNAPSHOT, Capability.LOOKUP, Capability.EVENTS))

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        now: Callable[[], datetime] = _utc_now,
        known_aors: Callable[[], Iterable[str]] | None = None,  # noqa: ARG002  all families are built alike
    ) -> None:
        self._endpoint = endpoint
        self._now = now
        self._heard_at: datetime | None = None

    def snapshot(self) -> Pull:
        """Every line with a binding that has not expired."""
        return Pull.of(self._records(), self._now)

    def lookup(self, aor: str) -> Lookup:
        """One line, asked for by its key."""
        settings = Settings.of(self._endpoint)
        try:
            key = aor_key(aor, settings.home)
        except ValueError:
            raise SipError(Problem.CONFIGURATION, "not an address-of-record", permanent=True) from None
        asked_at = self._now()
        with Esl.open(self._endpoint) as esl:
            bindings = find(esl, settings, key, self._now)
        return Lookup(next(registrations(bindings, asked_at), Registration(key)), asked_at)

    def auth_failures(self, since: datetime) -> list[AuthFailure]:  # noqa: ARG002  the protocol's signature
        """Raises SipError(UNSUPPORTED): FreeSWITCH remembers no failure, it tells each once, as an event."""
        raise SipError(Problem.UNSUPPORTED, "FreeSWITCH tells failures as events only", permanent=True)

    def set_password(self, aor: str, password: str) -> None:  # noqa: ARG002  the protocol's signature
        """Raises SipError(UNSUPPORTED): passwords live in the directory, which the event socket cannot write."""
        raise SipError(Problem.UNSUPPORTED, "FreeSWITCH's directory cannot be written from here", permanent=True)

    def check(self) -> Check:
        """What works and what does not."""
        return check(self._endpoint, self.capabilities, self._now)

    def events(self) -> Generator[Event | None, None, None]:
        """What happens to lines, as it happens; a Gap first where an earlier stream of this adapter broke.

        Raises SipError when the stream breaks, or when the server has been silent and does not answer either.
        """
        reader = EventReader(self._endpoint.hostname, self._now)
        with Esl.open(self._endpoint) as esl:
            esl.subscribe(*SUBCLASSES)
            broken_at, self._heard_at = self._heard_at, self._now()
            if broken_at is not None:
                yield Gap(broken_at)
            for kind, body in self._frames(esl):
                event = reader.read(body) if kind == "text/event-json" else None
                if event is not None or not kind:
                    yield event

    def _frames(self, esl: Esl) -> Iterator[tuple[str, bytes]]:
        """Frames as they come, ("", b"") about once a second while there are none."""
        pause = min(_PAUSE, self._endpoint.timeout)
        patience = round(self._endpoint.timeout / pause)
        pauses = 0
        while True:
            frame = esl.next_frame(pause)
            if frame is not None:
                pauses, self._heard_at = 0, self._now()
                yield frame
                continue
            pauses += 1
            if pauses == patience:
                # A connection that died without a word looks like a quiet night: ask for a sign of life.
                esl.begin()
                esl.send("uptime s")
            elif pauses > 2 * patience:
                raise SipError(Problem.TIMEOUT, "the server has fallen silent")
            yield "", b""

    def _records(self) -> Generator[Registration, None, PullReport]:
        settings = Settings.of(self._endpoint)
        taken_at = self._now()
        with Esl.open(self._endpoint) as esl:
            reading = read(esl, settings, self._now)
        yield from registrations(reading.table.bindings, taken_at)
        return PullReport(
            taken_at=taken_at,
            broken=reading.table.broken,
            uptime=reading.uptime,
            clock_skew=reading.clock.skew,
        )
