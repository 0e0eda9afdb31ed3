from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.registration import AuthFailure, Contact, FailureReason
from tests.workers.sip.kamailio.recordings import NOW, entries_of, result_of
from workers.sip.base import LineChanged
from workers.sip.kamailio import values
from workers.sip.kamailio.contact import BrokenError

HOMES = frozenset(("auth.test",))


def at(epoch: int) -> datetime:
    return datetime.fromtimestamp(epoch, UTC)


class TestMirror:
    def test_as_recorded(self) -> None:
        found = {
            values.mirrored(name): values.mirrored_contact(values.mirrored(name)[1], value)
            for name, value in entries_of("htable-mirror/01-htable.dump-3-contacts")
        }
        assert sorted(found) == [
            ("h1", "sip:h1@10.0.0.1:5060"),
            ("h1", "sip:h1@10.0.0.2:5060"),
            ("h2", "sip:h2@10.0.0.3:5060"),
        ]
        assert found["h1", "sip:h1@10.0.0.1:5060"] == Contact(
            uri="sip:h1@10.0.0.1:5060",
            source="127.0.0.1:39583",
            transport="udp",
            user_agent="Phone A|x",
            refreshed_at=at(1795418081),
            expires_at=at(1795421681),
        )

    @pytest.mark.parametrize(
        ("name", "aor", "uri"),
        [
            ("1001@[2001:db8::1]::sip:a@h", "1001@[2001:db8::1]", "sip:a@h"),
            ("a::SIPS:b@h", "a", "SIPS:b@h"),
            ("a::sip:b::sip:c", "a", "sip:b::sip:c"),
        ],
    )
    def test_where_a_name_is_parted(self, name: str, aor: str, uri: str) -> None:
        assert values.mirrored(name) == (aor, uri)

    @pytest.mark.parametrize("name", ["", "1001", "1001::", "1001::x", "::"])
    def test_a_name_that_is_none(self, name: str) -> None:
        with pytest.raises(BrokenError):
            values.mirrored(name)

    @pytest.mark.parametrize(
        "value", ["", "1|2|3|4", "x|3600|udp:h:1|d|a", "1|-5|udp:h:1|d|a", "9" * 12 + "|1|udp:h:1|d|a"]
    )
    def test_a_value_that_is_none(self, value: str) -> None:
        with pytest.raises(BrokenError):
            values.mirrored_contact("sip:a@h", value)

    def test_what_the_contact_asks_for_goes_before_what_it_came_over(self) -> None:
        contact = values.mirrored_contact("sip:a@h;transport=tls", "1|2|tcp:10.0.0.1:5|d|")
        assert (contact.transport, contact.user_agent) == ("tls", None)


class TestFailures:
    def test_of_users_as_recorded(self) -> None:
        told = [
            values.failure_of_user(name, value, HOMES) for name, value in entries_of("auth/06-htable.dump-authfail")
        ]
        assert [(failure.aor, failure.reason, failure.user_agent) for failure in told if failure] == [
            ("mallory", FailureReason.UNKNOWN_USER, "friendly-scanner"),
            ("bob", FailureReason.USER_MISMATCH, "BobPhone"),
            ("alice", FailureReason.OTHER, "GarbagePhone"),
        ]

    def test_of_users_by_the_minimal_fragment(self) -> None:
        ((name, value),) = entries_of("auth-minimal/01-htable.dump-authfail")
        assert values.failure_of_user(name, value, HOMES) == AuthFailure(
            "alice", FailureReason.WRONG_PASSWORD, at(1795419164), "127.0.0.1:46616", "BadPhone/1"
        )

    def test_of_strangers_as_recorded(self) -> None:
        ((_, value),) = entries_of("auth-minimal/02-htable.dump-authscan")
        assert values.failure_of_stranger(value, HOMES) == AuthFailure(
            "mallory", FailureReason.UNKNOWN_USER, at(1795419164), "127.0.0.1:46616", "friendly-scanner"
        )

    def test_of_another_realm(self) -> None:
        failure = values.failure_of_user("Alice@Else.test", "5|wrong_password|udp:h:1|", HOMES)
        assert failure is not None
        assert failure.aor == "alice@else.test"

    @pytest.mark.parametrize("reason", ["-4", "-5", "stale_nonce", "no_credentials"])
    def test_a_step_of_digest_is_none(self, reason: str) -> None:
        assert values.failure_of_user("a@auth.test", f"5|{reason}|udp:h:1|", HOMES) is None

    @pytest.mark.parametrize(
        ("word", "reason"),
        [
            ("-2", FailureReason.WRONG_PASSWORD),
            ("-3", FailureReason.UNKNOWN_USER),
            ("-8", FailureReason.USER_MISMATCH),
            ("wrong_realm", FailureReason.WRONG_REALM),
            ("address_refused", FailureReason.ADDRESS_REFUSED),
            ("too_many_contacts", FailureReason.TOO_MANY_CONTACTS),
            ("nonce_reused", FailureReason.OTHER),
        ],
    )
    def test_reasons(self, word: str, reason: FailureReason) -> None:
        failure = values.failure_of_user("a@auth.test", f"5|{word}|udp:h:1|x|y", HOMES)
        assert failure is not None
        assert (failure.reason, failure.user_agent) == (reason, "x|y")

    def test_a_success(self) -> None:
        value = result_of("auth/05-htable.get-authok-after-success")["item"]["value"]
        assert values.success(value) == at(1795414825)


class TestEvents:
    @pytest.mark.parametrize("word", ["registered", "unregistered", "expired"])
    def test_a_line_that_changed(self, word: str) -> None:
        assert values.event(f"{word}|1001@Auth.Test", HOMES, NOW) == LineChanged("1001", NOW)

    def test_a_failure(self) -> None:
        told = "failed|1795419164|wrong_password|udp:127.0.0.1:46616|alice@auth.test|a|b"
        assert values.event(told, HOMES, NOW) == AuthFailure(
            "alice", FailureReason.WRONG_PASSWORD, at(1795419164), "127.0.0.1:46616", "a|b"
        )

    def test_a_tick_is_no_event(self) -> None:
        assert values.event("tick|1795419164", HOMES, NOW) is None
        assert values.tick("tick|1795419164") == at(1795419164)
        assert values.tick("registered|1001") is None


READERS: tuple[Callable[[str], object], ...] = (
    values.mirrored,
    lambda text: values.mirrored_contact("sip:a@h", text),
    lambda text: values.failure_of_user("a", text, HOMES),
    lambda text: values.failure_of_stranger(text, HOMES),
    lambda text: values.event(text, HOMES, NOW),
    values.tick,
    values.success,
)
PIECES = st.sampled_from(
    ("|", "::", "sip:", "1", "999999999999", "udp:", "@", "tick", "failed", "wrong_password", "\ud800")
)


@given(text=st.text(max_size=60) | st.lists(PIECES, max_size=14).map("".join), reader=st.sampled_from(READERS))
def test_any_text_is_read_or_broken(text: str, reader: Callable[[str], object]) -> None:
    try:
        reader(text)
    except BrokenError:
        return
