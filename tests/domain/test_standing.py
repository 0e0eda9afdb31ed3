"""How a line stands after each answer: its state, since when, since when each binding, and why it went."""

from datetime import UTC, datetime
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.changes import LineState
from app.domain.standing import Answered, Cause, Standing, follow

AT = 1_795_418_081
AOR = "1001"
REGISTERED, GONE, UNREADABLE = LineState.REGISTERED, LineState.NOT_REGISTERED, LineState.UNREADABLE


def binding(host: str, *, refreshed: int | None = None, expires: int | None = AT + 3600) -> bytes:
    return record.binding(f"sip:{AOR}@{host}".encode(), refreshed=refreshed, expires=expires)


def body(*hosts: str, **times: int | None) -> bytes:
    return record.body_of([binding(host, **times) for host in hosts])


def there(*hosts: str, at: int = AT, **times: int | None) -> Standing:
    return follow(None, REGISTERED, body(*hosts, **times), Answered(at))


def since(standing: Standing) -> dict[str, int]:
    """Since when each binding is there, by its host."""
    found = standing.registration(AOR)
    return {
        contact.uri.partition("@")[2]: int(contact.since.timestamp() if contact.since else 0)
        for contact in found.contacts
    }


# What a binding tells of its last REGISTER, when its server answered before -> since when it is there (answer at 100).
BEGUN = {
    (None, 0): 100,
    (None, 95): 100,
    (40, 0): 40,
    (40, 95): 95,
    (97, 95): 97,
    (100, 95): 100,
    # A clock that is ahead: nothing begins after the answer that tells it.
    (160, 95): 100,
}


@pytest.mark.parametrize(("told", "expected"), BEGUN.items())
def test_since_when_a_binding_is_there(told: tuple[int | None, int], expected: int) -> None:
    refreshed, before = told
    moment = None if refreshed is None else AT + refreshed
    answered = Answered(AT + 100, AT + before if before else 0.0)
    found = follow(None, REGISTERED, body("a", refreshed=moment), answered)
    assert found.changes == (AT + expected,)
    assert since(found) == {"a": AT + expected}
    assert found.since == ()


def test_the_line_is_there_since_the_first_of_its_bindings() -> None:
    bindings = [binding("a", refreshed=AT + 40), binding("b", refreshed=AT + 20), binding("c")]
    found = follow(None, REGISTERED, record.body_of(bindings), Answered(AT + 100))
    assert found.changes == (AT + 20,)
    assert since(found) == {"a": AT + 40, "b": AT + 20, "c": AT + 100}


def test_a_refresh_changes_nothing_of_since() -> None:
    first = there("a", refreshed=AT)
    found = follow(first, REGISTERED, body("a", refreshed=AT + 60, expires=AT + 3660), Answered(AT + 61, AT + 56))
    assert (found.changes, found.since, since(found)) == (first.changes, (), {"a": AT})


def test_a_second_phone_has_its_own_time_and_the_first_keeps_its() -> None:
    found = follow(there("a"), REGISTERED, body("a", "b"), Answered(AT + 60, AT + 55))
    assert found.changes == (AT,)
    assert since(found) == {"a": AT, "b": AT + 60}
    # The first leaves, the second stays: the line is there all along.
    left = follow(found, REGISTERED, body("b"), Answered(AT + 90, AT + 85))
    assert (left.changes, since(left)) == ((AT,), {"b": AT + 60})
    back = follow(left, REGISTERED, body("a", "b"), Answered(AT + 95, AT + 90))
    assert since(back) == {"a": AT + 95, "b": AT + 60}


# How its one binding ends, what is known of the answer -> why the line went (answer at 100).
CAUSES = {
    (90, False): Cause.EXPIRED,
    (100, False): Cause.EXPIRED,
    (102, False): Cause.EXPIRED,
    (103, False): Cause.UNREGISTERED,
    (3600, False): Cause.UNREGISTERED,
    (3600, True): Cause.RESTARTED,
    # Its time had come anyway.
    (90, True): Cause.EXPIRED,
    (None, False): Cause.UNREGISTERED,
    (None, True): Cause.RESTARTED,
}


@pytest.mark.parametrize(("told", "cause"), CAUSES.items())
def test_why_a_line_went(told: tuple[int | None, bool], cause: Cause) -> None:
    ends, restarted = told
    old = there("a", expires=None if ends is None else AT + ends)
    found = follow(old, GONE, b"", Answered(AT + 100, AT + 95, restarted=restarted))
    assert (found.cause, found.changes, found.body) == (cause, (AT + 100, AT), b"")
    # It stays the reason for as long as the line is away.
    assert follow(found, GONE, b"", Answered(AT + 200, AT + 195, restarted=not restarted)).cause is cause
    assert follow(found, REGISTERED, body("a"), Answered(AT + 200, AT + 195)).cause is None


def test_only_if_all_of_its_bindings_had_ended_did_it_expire() -> None:
    old = follow(None, REGISTERED, record.body_of([binding("a", expires=AT + 9), binding("b")]), Answered(AT))
    assert follow(old, GONE, b"", Answered(AT + 100)).cause is Cause.UNREGISTERED


@pytest.mark.parametrize("old", [None, Standing(UNREADABLE, (AT,)), Standing(UNREADABLE, ())])
def test_nobody_saw_it_go(old: Standing | None) -> None:
    found = follow(old, GONE, b"", Answered(AT + 100))
    assert (found.state, found.cause) == (GONE, Cause.UNOBSERVED)
    assert found.changes[0] == AT + 100


def test_what_nobody_can_read_has_no_cause() -> None:
    found = follow(there("a"), UNREADABLE, b"", Answered(AT + 100))
    assert (found.state, found.cause, found.body) == (UNREADABLE, None, b"")


HOSTS = ("a", "b", "c")
BINDINGS = st.lists(
    st.tuples(st.sampled_from(HOSTS), st.none() | st.integers(AT - 100, AT + 700)), max_size=3, unique_by=lambda b: b[0]
)
ANSWERS = st.lists(
    st.tuples(st.integers(1, 60), BINDINGS, st.sampled_from((False, False, False, True))), min_size=1, max_size=12
)


@given(answers=ANSWERS)
def test_whatever_is_answered(answers: list[tuple[int, list[tuple[str, int | None]], bool]]) -> None:
    """A line's times never lie after the answer that tells them, and it changes just when its state does."""
    at, last = AT, 0
    old: Standing | None = None
    for seconds, bindings, unreadable in answers:
        at += seconds
        state = UNREADABLE if unreadable else REGISTERED if bindings else GONE
        told = record.body_of([] if unreadable else [binding(host, refreshed=moment) for host, moment in bindings])
        found = follow(old, state, told, Answered(at, last))
        assert (found.state, found.body) == (state, told)
        assert len(found.of_each) == (len(bindings) if state is REGISTERED else 0)
        assert all(moment <= at for moment in (*found.changes, *found.of_each))
        assert (old is None or found.changes != old.changes) is (old is None or old.state is not state)
        assert (found.cause is None) is (state is not GONE)
        old, last = found, at


@given(bindings=st.lists(st.tuples(st.sampled_from(HOSTS), st.none() | st.integers(AT - 9, AT + 99)), max_size=3))
def test_the_order_in_which_a_server_tells_its_bindings_means_nothing(
    bindings: list[tuple[str, int | None]],
) -> None:
    old = there("a", "b")
    told = [binding(host, refreshed=moment) for host, moment in bindings]
    found = {
        follow(old, REGISTERED if told else GONE, record.body_of(list(order)), Answered(AT + 60, AT + 55))
        for order in permutations(told)
    }
    assert len(found) == 1


def test_the_same_answer_told_again_changes_nothing() -> None:
    answered = Answered(AT + 60, AT + 55)
    first = follow(there("a"), REGISTERED, body("a", "b"), answered)
    assert follow(first, REGISTERED, body("a", "b"), answered) == first
    gone = follow(first, GONE, b"", Answered(AT + 70, AT + 60))
    assert follow(gone, GONE, b"", Answered(AT + 70, AT + 60)) == gone


def test_as_values() -> None:
    found = there("a", refreshed=AT - 60).registration(AOR)
    (contact,) = found.contacts
    assert contact.since == contact.refreshed_at == datetime.fromtimestamp(AT - 60, UTC)
    assert contact.uri == "sip:1001@a"
    assert Standing(GONE, (AT,)).registration(AOR).contacts == ()
