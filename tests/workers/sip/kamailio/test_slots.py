import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.workers.sip.kamailio.recordings import entries_of, recording
from workers.sip.base import Problem, SipError
from workers.sip.kamailio import slots

SLOTS = [
    {"entry": 1, "size": 1, "slot": [{"name": "a", "value": "1", "type": "str"}]},
    {
        "entry": 2,
        "size": 2,
        "slot": [{"name": "b", "value": "]},{", "type": "str"}, {"name": "c", "value": '"', "type": "str"}],
    },
]
WHOLE = [("a", "1"), ("b", "]},{"), ("c", '"')]


def table(result: object = SLOTS, request_id: int = 1, *, indent: int | None = None) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "result": result, "id": request_id}, indent=indent).encode()


def problem_of(body: bytes) -> Problem:
    with pytest.raises(SipError) as raised:
        list(slots.entries([body], 1))
    return raised.value.problem


@pytest.mark.parametrize("indent", [None, 4])
@pytest.mark.parametrize("length", [1, 7, 10_000])
def test_however_it_comes_in_pieces(indent: int | None, length: int) -> None:
    body = table(indent=indent)
    pieces = [body[start : start + length] for start in range(0, len(body), length)]
    assert list(slots.entries(pieces, 1)) == WHOLE


def test_recordings() -> None:
    assert len(entries_of("htable-mirror/01-htable.dump-3-contacts")) == 3
    assert entries_of("htable-mirror/04-htable.dump-after-star") == []
    assert len(entries_of("scale/02-htable.dump-1000")) == 1000


def test_an_entry_without_name_or_value_is_counted_by_whoever_reads_it() -> None:
    odd = [{"entry": 1, "size": 4, "slot": [5, {}, {"name": "a", "value": 5}, {"name": "b", "value": "1"}]}]
    assert list(slots.entries([table(odd)], 1)) == [("", ""), ("", ""), ("a", ""), ("b", "1")]


def test_latin_1_spoils_nothing() -> None:
    body = table().replace(b'"1"', b'"M\xfcller"')
    assert [value for _, value in slots.entries([body], 1)] == ["M\ufffdller", "]},{", '"']


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no",
        table({}),
        table([5]),
        table([{"size": 0, "slot": {}}]),
        table(request_id=2),
        table()[:-1],
        table()[:-20],
        table()[:60],
        table() + b"x",
        b'{"jsonrpc":"2.0","result":[' + b"[" * 100_000,
        b'{"jsonrpc":"2.0","result":[' + b'"' + b"x" * 5_000_000,
        b" " * 5_000_000,
        b'{"jsonrpc":"2.0","error":{"code":500,"message":"No such htable"},"id":1}',
    ],
)
def test_what_is_no_table(body: bytes) -> None:
    assert problem_of(body) is Problem.GARBAGE


@pytest.mark.parametrize("size", [1, 3, None, "2"])
def test_a_slot_that_did_not_come_whole(size: object) -> None:
    assert problem_of(table([SLOTS[1] | {"size": size}])) is Problem.TRUNCATED


@given(cut=st.integers(0, len(recording("htable-mirror/01-htable.dump-3-contacts").body) - 2))
def test_a_table_that_is_cut_anywhere_is_not_believed(cut: int) -> None:
    body = recording("htable-mirror/01-htable.dump-3-contacts").body.rstrip()
    with pytest.raises(SipError):
        list(slots.entries([body[: min(cut, len(body) - 1)]], 1))
