"""The listener: recorded datagrams over real sockets, a subscription that is renewed, and gaps that are told."""

import socket
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

import pytest

from app.domain.registration import AuthFailure
from tests.support.ports import free_port
from tests.support.replay_mi import PAYLOADS, Book, MiHttp, recorded, uptime
from tests.workers.sip.opensips.given import NOW, adapter
from workers.sip.base import Endpoint, Event, Gap, LineChanged, Problem, SipError
from workers.sip.opensips.events import Subscription
from workers.sip.opensips.site import Site

RECORDED = [line for line in (PAYLOADS / "events/datagram-udp.txt").read_bytes().splitlines() if line.startswith(b"{")]
INSERT, FAILED = RECORDED[0], next(line for line in RECORDED if b"E_SIP_AUTH_FAILED" in line)
SUBSCRIBED = ["E_UL_CONTACT_INSERT", "E_UL_CONTACT_UPDATE", "E_UL_CONTACT_DELETE", "E_SIP_AUTH_FAILED"]


class Hand:
    """A clock of both kinds that the test moves."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return NOW + timedelta(seconds=self.seconds)


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def send() -> Iterator[Callable[..., None]]:
    """Sends a datagram to where the server was told to send its events."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:

        def datagram(book: Book, data: bytes, sender: str | None = None) -> None:
            if sender:
                sock.bind((sender, 0))
            address = next(call for call in book.asked if call["method"] == "event_subscribe")["params"]["socket"]
            _udp, host, port = address.split(":")
            sock.sendto(data, (host, int(port)))

        yield datagram


def subscription(server: MiHttp, hand: Hand, **options: str) -> Subscription:
    endpoint = Endpoint(server.url, "auth.test", timeout=2.0, options=options)
    return Subscription(Site(endpoint, hand.now, None), clock=hand.monotonic)


def subscribed(book: Book) -> list[tuple[str, int]]:
    calls = [call["params"] for call in book.asked if call["method"] == "event_subscribe"]
    return [(call["event"], call["expire"]) for call in calls]


def begun(server: MiHttp, events: Iterator[Event | None], send: Callable[..., None]) -> None:
    """Go on until the listener listens: a generator begins with its first step."""
    assert next(events) is None
    assert subscribed(server.book) == [(name, 600) for name in SUBSCRIBED]
    send(server.book, INSERT)
    assert isinstance(next(events), LineChanged)


def test_events_as_they_come(server: MiHttp, send: Callable[..., None]) -> None:
    events = adapter(server.url, home="auth.test").events()
    assert next(events) is None
    for datagram in (INSERT, b"\xff no json", FAILED):
        send(server.book, datagram)
    assert next(events) == LineChanged("ev1@ev.test", NOW)
    assert next(events) is None
    failure = next(events)
    assert isinstance(failure, AuthFailure)
    assert failure.aor == "alice"


def test_all_recorded_events_arrive(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    events = subscription(server, hand).events()
    begun(server, events, send)
    for datagram in RECORDED:
        send(server.book, datagram)
    heard = [next(events) for _ in RECORDED]
    assert sum(isinstance(event, LineChanged) for event in heard) == 16
    assert sum(isinstance(event, AuthFailure) for event in heard) == 4
    events.close()


def test_a_stranger_is_not_heard(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    events = subscription(server, hand).events()
    assert next(events) is None
    send(server.book, INSERT, "127.0.0.2")
    assert next(events) is None
    events.close()


def test_a_server_with_several_addresses(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    events = subscription(server, hand, event_sources="192.0.2.1, 127.0.0.2").events()
    assert next(events) is None
    send(server.book, INSERT, "127.0.0.2")
    assert next(events) == LineChanged("ev1@ev.test", NOW)
    events.close()


def test_the_subscription_is_renewed_and_ended(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    events = subscription(server, hand).events()
    begun(server, events, send)
    server.book.say("uptime", uptime(35), uptime(235))
    for seconds, calls in ((11.0, 4), (211.0, 8)):
        hand.seconds = seconds
        send(server.book, INSERT)
        assert isinstance(next(events), LineChanged)
        assert len(subscribed(server.book)) == calls
    events.close()
    assert subscribed(server.book)[8:] == [(name, 0) for name in SUBSCRIBED]


def test_a_restart_is_a_gap(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    events = subscription(server, hand).events()
    begun(server, events, send)
    server.book.say("uptime", uptime(3))
    hand.seconds = 11.0
    assert next(events) == Gap(NOW)
    assert len(subscribed(server.book)) == 8
    server.book.say("uptime", uptime(14))
    hand.seconds = 22.0
    send(server.book, INSERT)
    assert isinstance(next(events), LineChanged)
    assert len(subscribed(server.book)) == 8
    events.close()


def test_a_broken_stream_is_taken_up_with_a_gap(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    source = subscription(server, hand)
    events = source.events()
    begun(server, events, send)
    server.book.say("uptime", b"")
    hand.seconds = 11.0
    with pytest.raises(SipError) as caught:
        next(events)
    assert caught.value.problem is Problem.TRUNCATED
    server.book.say("uptime", uptime(50))
    hand.seconds = 30.0
    again = source.events()
    assert next(again) == Gap(NOW)
    again.close()


def test_a_script_without_our_fragment_still_tells_of_lines(
    server: MiHttp, hand: Hand, send: Callable[..., None]
) -> None:
    fine, unknown = (
        recorded("events/mi/07-event_subscribe-dead-tcp"),
        recorded("events/mi/04-event_subscribe-unknown-event"),
    )
    server.book.say("event_subscribe", fine, fine, fine, unknown)
    events = subscription(server, hand).events()
    begun(server, events, send)
    events.close()


def test_a_server_without_events(server: MiHttp, hand: Hand) -> None:
    for answer in ("events/mi/05-event_subscribe-unknown-transport", "mi/19-unknown-method"):
        server.book.say("event_subscribe", recorded(answer))
        with pytest.raises(SipError) as caught:
            next(subscription(server, hand).events())
        assert (caught.value.problem, caught.value.permanent) == (Problem.COMMAND_MISSING, True)


def test_where_to_listen(server: MiHttp, hand: Hand, send: Callable[..., None]) -> None:
    port = free_port()
    events = subscription(server, hand, listen=f"127.0.0.3:{port}").events()
    begun(server, events, send)
    assert server.book.asked[0]["params"]["socket"] == f"udp:127.0.0.3:{port}"
    events.close()


@pytest.mark.parametrize("listen", ["192.0.2.77:1", "127.0.0.1:99999"])
def test_where_nobody_can_listen(server: MiHttp, hand: Hand, listen: str) -> None:
    with pytest.raises(SipError) as caught:
        next(subscription(server, hand, listen=listen).events())
    assert caught.value.problem in {Problem.CONFIGURATION, Problem.NO_ROUTE}
