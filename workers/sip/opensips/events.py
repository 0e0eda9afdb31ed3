"""What OpenSIPS tells of its own accord: a subscription that is kept alive, and datagrams that arrive by it."""

import contextlib
import json
import socket
import time
from collections.abc import Callable, Generator
from datetime import datetime
from urllib.parse import urlsplit

from workers.sip.base import Event, Gap, LineChanged, Problem, SipError
from workers.sip.opensips import parse
from workers.sip.opensips.contact import line_key
from workers.sip.opensips.failures import announced
from workers.sip.opensips.mi import Mi, open_mi
from workers.sip.opensips.parse import MiError
from workers.sip.opensips.site import Site, allowed

AUTH_FAILED = "E_SIP_AUTH_FAILED"
CHANGES = ("E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE")
_ABOUT_LINES = ("E_UL_CONTACT_", "E_UL_AOR_")
_EXPIRE = 600
_RENEW = 200.0
_BEAT = 10.0
_LARGEST = 65536
_BUFFER = 4 * 1024 * 1024
_SECOND_HAND = 2.0


def event(datagram: bytes, table: str, home: str, now: datetime) -> Event | None:
    """What one notification says; None where it is none of ours or cannot be read."""
    try:
        told = json.loads(datagram.decode("utf-8", errors="replace"), strict=False)
    except (ValueError, RecursionError):
        return None
    method, parameters = (told.get("method"), told.get("params")) if isinstance(told, dict) else (None, None)
    if not isinstance(method, str) or not isinstance(parameters, dict):
        return None
    if method == AUTH_FAILED:
        return announced(parameters, home, now)
    if not method.startswith(_ABOUT_LINES) or parameters.get("domain") != table:
        return None
    try:
        return LineChanged(line_key(parameters.get("aor"), home), now)
    except ValueError:
        return None


class Subscription:
    """One server's events, sent to a UDP socket of ours. Datagrams may be lost unnoticed: the pull corrects that.

    `heard_until` outlives a broken subscription: the next one begins by telling the gap.
    """

    def __init__(self, site: Site, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._site = site
        self._clock = clock
        self._heard_until: datetime | None = None
        self._uptime: float | None = None
        self._beat_at = self._renewed_at = 0.0

    def events(self) -> Generator[Event | None, None, None]:
        """See base.EventSource."""
        with contextlib.closing(open_mi(self._site.endpoint)) as mi, contextlib.closing(self._listener()) as listener:
            address = _address(listener)
            self._subscribe(mi, address)
            self._uptime, since = parse.clock(allowed(mi, "uptime")).uptime, self._heard_until
            self._beat_at, self._heard_until = self._clock(), self._site.now()
            if since is not None:
                yield Gap(since)
            try:
                while True:
                    yield self._hear(listener)
                    yield from self._beat(mi, address)
            except GeneratorExit:
                with contextlib.suppress(SipError):
                    self._subscribe(mi, address, expire=0)
                raise

    def _hear(self, listener: socket.socket) -> Event | None:
        """The next event, None after a second without one or for a datagram that is none."""
        try:
            datagram, sender = listener.recvfrom(_LARGEST)
        except TimeoutError:
            return None
        except OSError as error:
            raise SipError(Problem.FAULT, error.strerror or "the event socket broke") from None
        if sender[0] not in self._senders:
            return None
        return event(datagram, self._site.table, self._site.home, self._site.now())

    def _beat(self, mi: Mi, address: str) -> Generator[Event | None, None, None]:
        """Ask now and then whether the server still runs: a restarted one has forgotten us and says nothing."""
        now = self._clock()
        elapsed = now - self._beat_at
        if elapsed < _BEAT:
            return
        last, self._uptime = self._uptime, parse.clock(mi.call("uptime")).uptime
        restarted = last is not None and self._uptime is not None and self._uptime < last + elapsed - _SECOND_HAND
        if restarted or now - self._renewed_at >= _RENEW:
            self._subscribe(mi, address)
        since, self._heard_until, self._beat_at = self._heard_until, self._site.now(), now
        if restarted and since is not None:
            yield Gap(since)

    def _subscribe(self, mi: Mi, address: str, expire: int = _EXPIRE) -> None:
        for name in (*CHANGES, AUTH_FAILED):
            try:
                mi.call("event_subscribe", {"event": name, "socket": address, "expire": expire})
            except MiError as refusal:
                if name != AUTH_FAILED or not refusal.bad_parameter:
                    raise _refused(refusal) from None
        self._renewed_at = self._clock()

    def _listener(self) -> socket.socket:
        """A socket at options["listen"], else at the address from which we reach the server, on a free port."""
        host = urlsplit(self._site.endpoint.url).hostname
        listen = urlsplit(f"//{self._site.endpoint.options.get('listen', '')}")
        try:
            found = socket.getaddrinfo(host or "127.0.0.1", 9, type=socket.SOCK_DGRAM)
            self._senders = {str(address[0]) for *_, address in found} | self._more_senders()
            family, address = found[0][0], (listen.hostname or _own_address(found[0][0], found[0][4]), listen.port or 0)
            listener = socket.socket(family, socket.SOCK_DGRAM)
        except (OSError, ValueError):
            raise SipError(Problem.NO_ROUTE, "no address for the server, or none of ours to listen at") from None
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            listener.settimeout(1.0)
            listener.bind(address)
        except (OSError, OverflowError):
            listener.close()
            raise SipError(Problem.CONFIGURATION, "cannot listen for events at that address", permanent=True) from None
        return listener

    def _more_senders(self) -> set[str]:
        named = self._site.endpoint.options.get("event_sources", "")
        return {address.strip() for address in named.split(",")} - {""}


def _own_address(family: int, server: tuple[object, ...]) -> str:
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        # Connecting a datagram socket sends nothing: it only chooses the route.
        probe.connect(server)
        return str(probe.getsockname()[0])


def _address(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"udp:[{host}]:{port}" if ":" in host else f"udp:{host}:{port}"


def _refused(refusal: MiError) -> SipError:
    if refusal.bad_parameter:
        return SipError(Problem.COMMAND_MISSING, "no events: is event_datagram loaded, and usrloc?", permanent=True)
    return refusal
