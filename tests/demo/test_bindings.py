"""The location service: expiry, order, limits, and all or none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from demo.registrar.bindings import DEFAULT_EXPIRES, MAX_CONTACTS, MIN_EXPIRES, Bindings, Origin, RejectedError, Wanted

NOW = 1_795_414_721


def uris(bindings: Bindings, now: int = NOW) -> list[str]:
    return [binding.contact.uri for binding in bindings.current("1001", now)]


def add(bindings: Bindings, *wanted: Wanted, call_id: str = "a", cseq: int = 1, now: int = NOW) -> None:
    bindings.register("1001", list(wanted), Origin(call_id, cseq), now)


def test_several_contacts_are_bound_side_by_side_the_preferred_first() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60), Wanted("sip:b", 60, q=0.5), Wanted("sip:c", 60, q=1.0))
    assert uris(bindings) == ["sip:c", "sip:b", "sip:a"]


def test_a_binding_ends_with_its_time_and_is_cleared_later() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60))
    assert uris(bindings, NOW + 59) == ["sip:a"]
    assert uris(bindings, NOW + 60) == []
    assert bindings.knows("1001")
    bindings.expire(NOW + 60)
    assert not bindings.knows("1001")
    assert bindings.expired == 1


def test_a_refresh_keeps_the_name_of_the_binding() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60))
    add(bindings, Wanted("sip:a", 60), cseq=2, now=NOW + 30)
    (binding,) = bindings.current("1001", NOW + 30)
    assert (binding.ruid, binding.modified_at, binding.expires_at) == ("uloc-0-0-1", NOW + 30, NOW + 90)


def test_the_interval_has_a_default_and_a_least() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a"), Wanted("sip:b", 1), Wanted("sip:c", 10**12))
    a, b, c = bindings.current("1001", NOW)
    assert (a.expires_at, b.expires_at) == (NOW + DEFAULT_EXPIRES, NOW + MIN_EXPIRES)
    assert c.expires_at > NOW + 10**9


def test_zero_takes_one_away_and_a_star_takes_all() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60), Wanted("sip:b", 60))
    add(bindings, Wanted("sip:a", 0), cseq=2)
    assert uris(bindings) == ["sip:b"]
    bindings.clear("1001", Origin("other", 1), NOW)
    assert not bindings.knows("1001")


def test_what_was_overtaken_changes_nothing() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60), cseq=5)
    with pytest.raises(RejectedError) as rejected:
        add(bindings, Wanted("sip:b", 60), Wanted("sip:a", 0), cseq=4)
    assert rejected.value.status == 400
    with pytest.raises(RejectedError):
        bindings.clear("1001", Origin("a", 4), NOW)
    assert uris(bindings) == ["sip:a"]


def test_the_same_register_again_is_no_new_refresh() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60))
    add(bindings, Wanted("sip:a", 60), now=NOW + 10)
    assert bindings.current("1001", NOW)[0].expires_at == NOW + 60


def test_another_call_id_may_count_from_one() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60), cseq=500)
    add(bindings, Wanted("sip:a", 90), call_id="restarted", cseq=1)
    assert bindings.current("1001", NOW)[0].expires_at == NOW + 90


def test_one_contact_too_many_changes_nothing() -> None:
    bindings = Bindings()
    add(bindings, *(Wanted(f"sip:{n}", 60) for n in range(MAX_CONTACTS)))
    with pytest.raises(RejectedError) as rejected:
        add(bindings, Wanted("sip:more", 60), call_id="b")
    assert rejected.value.status == 503
    assert "sip:more" not in uris(bindings)
    add(bindings, Wanted("sip:0", 0), Wanted("sip:more", 60), cseq=2)
    assert "sip:more" in uris(bindings)


def test_lines_do_not_touch_one_another() -> None:
    bindings = Bindings()
    add(bindings, Wanted("sip:a", 60))
    bindings.clear("1002", Origin("a", 9), NOW)
    assert [aor for aor, _ in bindings.lines()] == ["1001"]


@given(st.lists(st.integers(0, 4000), max_size=12))
def test_no_more_is_bound_than_may_be(intervals: list[int]) -> None:
    bindings = Bindings(max_contacts=3)
    for position, interval in enumerate(intervals):
        try:
            add(bindings, Wanted(f"sip:{position}", interval), cseq=position)
        except RejectedError:
            assert len(uris(bindings)) == 3
        assert len(uris(bindings)) <= 3


class Model(RuleBasedStateMachine):
    """Against the simplest thing that could be right: a dictionary of ends."""

    def __init__(self) -> None:
        super().__init__()
        self.bindings = Bindings()
        self.ends: dict[str, int] = {}
        self.now = NOW
        self.cseq = 0

    @rule(uri=st.sampled_from("abc"), expires=st.integers(0, 100))
    def register(self, uri: str, expires: int) -> None:
        self.cseq += 1
        add(self.bindings, Wanted(uri, expires), cseq=self.cseq, now=self.now)
        self.ends[uri] = self.now + max(expires, MIN_EXPIRES) if expires else 0

    @rule()
    def clear(self) -> None:
        self.cseq += 1
        self.bindings.clear("1001", Origin("a", self.cseq), self.now)
        self.ends.clear()

    @rule(seconds=st.integers(1, 60), cleared=st.booleans())
    def wait(self, seconds: int, cleared: bool) -> None:
        self.now += seconds
        if cleared:
            self.bindings.expire(self.now)

    @invariant()
    def the_same_is_bound(self) -> None:
        assert set(uris(self.bindings, self.now)) == {uri for uri, end in self.ends.items() if end > self.now}


TestModel = Model.TestCase
