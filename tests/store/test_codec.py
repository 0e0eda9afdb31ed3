"""What is written in Redis is read back as it was; what nobody wrote claims nothing."""

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.changes import LineState
from app.domain.sign import Source
from app.domain.standing import Cause, Standing
from app.store import codec, lookups, servers
from app.store.answers import answer_of
from app.store.places import Place, unpack
from app.store.servers import Refusal, ServerState

NOW = datetime(2026, 3, 4, 5, 0, tzinfo=UTC)
TIMES = st.integers(0, 4_000_000_000)
ENDS = st.none() | st.integers(10**8, 4_000_000_000)
CHANGES = st.lists(TIMES, min_size=1, max_size=4).map(tuple)
MOMENTS = st.integers(0, 7 * 10**15).map(lambda number: datetime.fromtimestamp(0, UTC) + timedelta(microseconds=number))
TEXT = st.text(max_size=30)


@st.composite
def registered(draw: st.DrawFn) -> Standing:
    hosts = draw(st.lists(st.sampled_from(("a", "b", "192.0.2.1:5060")), min_size=1, max_size=3))
    times = st.none() | TIMES
    bindings = [
        record.binding(f"sip:1@{host}".encode(), agent=b"phone", refreshed=draw(times), expires=draw(ENDS))
        for host in hosts
    ]
    since = draw(st.just(()) | st.lists(TIMES, min_size=len(hosts), max_size=len(hosts)).map(tuple))
    return Standing(LineState.REGISTERED, draw(CHANGES), record.body_of(bindings), since)


@st.composite
def short(draw: st.DrawFn) -> Standing:
    at = draw(st.integers(10**9, 4 * 10**9))
    body = record.binding(b"sip:1@a", agent=b"phone", refreshed=at, expires=draw(ENDS))
    return Standing(LineState.REGISTERED, (at,), body)


STANDINGS = (
    registered()
    | short()
    | st.builds(Standing, st.just(LineState.NOT_REGISTERED), CHANGES, cause=st.none() | st.sampled_from(Cause))
    | st.builds(Standing, st.just(LineState.UNREADABLE), CHANGES)
)


@given(standing=STANDINGS)
def test_a_standing_is_read_back_as_it_was(standing: Standing) -> None:
    stored = codec.encode(standing)
    assert codec.decode(stored) == codec.read(stored) == standing
    assert stored[:1] in (codec.REGISTERED, codec.GONE, codec.UNREADABLE) or stored == standing.body


@pytest.mark.parametrize("since", [(), (1_795_419_198,)])
@pytest.mark.parametrize("changes", [(1_795_419_198,), (1_795_419_199,), (1_795_419_198, 5)])
@pytest.mark.parametrize("refreshed", [1_795_419_198, 5, None])
@pytest.mark.parametrize("bindings", [1, 2])
def test_what_is_registered_since_its_own_register_is_short(
    since: tuple[int, ...], changes: tuple[int, ...], refreshed: int | None, bindings: int
) -> None:
    one = record.binding(b"sip:1@a", refreshed=refreshed, expires=1_795_419_999)
    body = b"\n".join([one] * bindings)
    standing = Standing(LineState.REGISTERED, changes, body, since * bindings)
    stored = codec.encode(standing)
    assert codec.decode(stored) == standing
    short = not since and changes == (1_795_419_198,) == (refreshed,) and bindings == 1
    assert (stored == body) is short


PIECES = st.sampled_from((b"=", b"-", b"?", b"\n", b"\t", b";", b",", b"1", b"123", b"expired", b"[", b"\x01", b"\xff"))
RUBBISH = st.binary(max_size=40) | st.lists(PIECES, max_size=16).map(b"".join)


LIKE_SHORT = st.sampled_from(
    (
        b"1795419198\t1795419298\tu\ts\tt\ta",
        b"1795419198\t",
        b"2000000000\tx",
        b"0795419198\t60",
        b"179541919\t1\t",
        b"",
        b"1",
    )
)


@given(bodies=st.lists(LIKE_SHORT | RUBBISH | st.builds(bytes.replace, LIKE_SHORT, PIECES, PIECES), min_size=1))
def test_many_are_short_if_each_is(bodies: list[bytes]) -> None:
    assert codec.are_short(bodies) is all(map(codec.is_short, bodies))


@given(value=RUBBISH)
def test_rubbish_claims_nothing(value: bytes) -> None:
    try:
        standing = codec.decode(value)
    except ValueError:
        read = codec.read(value)
        assert read is not None
        assert answer_of(read, NOW, Source.SNAPSHOT) is None
        return
    # Whatever passes is such that it could have been written, and all of it can be looked at.
    assert codec.decode(codec.encode(standing)) == standing
    assert standing.changes
    assert (standing.state is LineState.REGISTERED) is bool(standing.body)
    assert len(standing.of_each) == (standing.body.count(b"\n") + 1 if standing.body else 0)


@given(standing=STANDINGS, data=st.data())
def test_a_record_that_was_cut_never_says_the_contrary(standing: Standing, data: st.DataObject) -> None:
    stored = codec.encode(standing)
    cut = codec.read(stored[: data.draw(st.integers(0, len(stored) - 1))])
    assert cut is not None
    assert cut.state in (standing.state, LineState.UNREADABLE)


@pytest.mark.parametrize(
    "value",
    [
        b"=1\n",
        b"=\n1\t179541929\tu\ts\ta\ta",
        b"=1;expired\n1\t179541929\tu\ts\ta\ta",
        b"=1;1,2\n1\t179541929\tu\ts\ta\ta",
        b"=1\n1\t179541929\tu\ts\ta",
        b"=1\n1\t179541929\tu\ts\ta\ta\n",
        b"=1\nx\t179541929\tu\ts\ta\ta",
        b"-1\n1\t179541929\tu\ts\ta\ta",
        b"-1;soon\n",
        b"-1;5\n",
        b"-1",
        b"- 1\n",
        b"-1_0\n",
        b"*1\n",
        b"1795419198\t1795419298\tu\ts\tt",
        b"1795419198\t1795419298\tu\ts\tt\ta\n",
        b"0795419198\t1795419298\tu\ts\tt\ta",
        b"795419198\t1795419298\tu\ts\tt\ta",
    ],
)
def test_what_is_none(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"not a record of ours|is not a valid Cause"):
        codec.decode(value)


@given(moment=MOMENTS)
def test_a_time_is_never_later_than_it_was(moment: datetime) -> None:
    stored = codec.moment(codec.epoch(moment))
    assert stored is not None
    assert timedelta() <= moment - stored < timedelta(milliseconds=1)
    assert codec.moment(codec.epoch(stored)) == stored


WHOLE = MOMENTS.map(lambda moment: codec.moment(codec.epoch(moment)) or NOW)
STATES = st.builds(
    ServerState,
    **dict.fromkeys(
        ("answered_at", "tried_at", "recount_at", "covered_at", "started_at", "restarted_at"), st.none() | WHOLE
    ),
    problem=st.none() | TEXT,
    detail=TEXT,
    interval=st.integers(1, 10**9).map(lambda number: timedelta(milliseconds=number)),
    lines=st.integers(0, 10**7),
    stored=st.integers(-1, 10**7),
    uptime=st.none() | st.floats(0, 1e9),
    busy=st.floats(0, 1e5),
    generation=TEXT,
    counted=st.none() | TEXT,
    unrecorded=st.booleans(),
    contacts=st.none() | st.integers(0, 10**7),
    held=st.none() | st.integers(0, 10**7),
    skew=st.none() | st.floats(-450, 450),
    refused=st.none() | st.builds(Refusal, WHOLE, TEXT, TEXT),
)


@given(state=STATES)
def test_a_servers_state_is_read_back_as_it_was(state: ServerState) -> None:
    assert servers.decode(servers.encode(state)) == state


@given(state=STATES, count=st.integers(0, 30))
def test_a_state_with_fewer_facts_has_the_others_as_of_the_first_day(state: ServerState, count: int) -> None:
    names = [field.name for field in fields(ServerState)][:count]
    told = servers.decode(json.dumps(json.loads(servers.encode(state))[:count]).encode())
    first = ServerState()
    assert told == ServerState(**{name: getattr(state if name in names else first, name) for name in _NAMES})


_NAMES = [field.name for field in fields(ServerState)]
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
).map(lambda value: json.dumps(value).encode())


@given(
    value=JSON | st.binary(max_size=40) | st.lists(st.none() | st.floats(), max_size=24).map(json.dumps).map(str.encode)
)
def test_rubbish_is_a_server_that_never_answered_and_a_line_that_nobody_asked_for(value: bytes) -> None:
    assert isinstance(servers.decode(value), ServerState)
    told = lookups.decode(value)
    assert told.as_answer() is None
    assert (told.standing is None) is (told.at is None)


@pytest.mark.parametrize("change", [{"line": None}, {"line": "[]"}, {"line": 5}, {"by": "nobody"}, {"at": "soon"}])
def test_a_look_up_of_another_version_is_no_answer(change: dict[str, object]) -> None:
    stored = {"asked": 5.0, "answered": True, "at": 5.0, "by": "lookup", "line": "-5;expired\n"}
    told = lookups.decode(json.dumps(stored).encode()).as_answer()
    assert told is not None
    assert (told.registered, told.at.timestamp()) == (False, 5.0)
    assert lookups.decode(json.dumps(stored | change).encode()).as_answer() is None


@given(bucket=st.none() | st.binary(max_size=1100), circle=st.integers(0, 10**6))
def test_rubbish_is_a_circle_that_nobody_counted(bucket: bytes | None, circle: int) -> None:
    assert unpack(bucket, circle) == Place() or len(bucket or b"") == 1024
