import contextlib
import time
from collections.abc import Callable
from random import Random

import pytest

from app.domain.registration import Contact
from tests.workers.sip.kamailio.recordings import HOME, NOW, recording
from workers.sip.base import SipError
from workers.sip.kamailio import facts, parse, slots, values
from workers.sip.kamailio.contact import BrokenError

ROUNDS = 10_000
ODD = (
    b'"',
    b"\\",
    b"{",
    b"}",
    b"[",
    b"]",
    b",",
    b":",
    b"0",
    b"-",
    b"e9",
    b"\x00",
    b"\xff",
    b"\\ud800",
    b"null",
    b"\r\n",
)

Reader = Callable[[object], object]


def mutated(body: bytes, start: int, end: int, dice: Random) -> bytes:
    """`body` with one small change between `start` and `end`."""
    at = dice.randrange(start, end)
    kind = dice.randrange(5)
    if kind == 0:
        return body[:at] + bytes((dice.randrange(256),)) + body[at + 1 :]
    if kind == 1:
        return body[:at] + dice.choice(ODD) + body[at:]
    upto = min(end, at + dice.randrange(1, 60))
    if kind == 2:
        return body[:at] + body[upto:]
    if kind == 3:
        return body[:at] + body[at:upto] * 2 + body[upto:]
    return body[:at] + dice.randbytes(upto - at) + body[upto:]


def dump(result: object) -> dict[str, tuple[Contact, ...]]:
    return {line.aor: line.contacts for line in parse.dumped(result, "location", HOME, NOW)}


def readers(aor: str) -> Reader:
    return lambda result: parse.looked_up(result, aor, HOME, NOW)


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("rpc/01-ul.dump-empty", dump),
        ("rpc/05-ul.dump-5", dump),
        ("rpc/07-ul.lookup-found", readers("1001")),
        ("rpc/10-ul.lookup-notfound", readers("9999")),
        ("contacts/01-two-contacts", readers("two")),
        ("contacts/11-ua-unicode", readers("ua-unicode")),
        ("contacts/23-path", readers("path")),
        ("rpc/02-system.listMethods", facts.methods),
        ("rpc/04b-core.uptime", facts.uptime),
        ("rpc/35-stats.get_statistics-several", lambda result: facts.count(result, "location", "users")),
    ],
)
def test_no_mutation_does_worse_than_a_sip_error(name: str, read: Reader) -> None:
    made = recording(name)
    dice = Random(name)
    for _ in range(ROUNDS):
        body = mutated(made.body, 0, len(made.body), dice)
        start = time.monotonic()
        try:
            answer = parse.answer(body, made.request_id)
            if not isinstance(answer, parse.Fault):
                read(answer)
        except SipError:
            pass
        assert time.monotonic() - start < 2, body


def test_a_mutation_within_one_record_costs_no_other_record() -> None:
    made = recording("rpc/05-ul.dump-5")
    whole = dump(parse.answer(made.body, made.request_id))
    start = made.body.index(b'{"AoR":"1002"')
    end = made.body.index(b'{"Info":{"AoR":"1003"')
    others = [aor for aor in whole if aor != "1002"]
    dice = Random(5)
    read = 0
    for _ in range(ROUNDS):
        body = mutated(made.body, start, end, dice)
        try:
            lines = dump(parse.answer(body, made.request_id))
        except SipError:
            continue
        read += 1
        # A mutated key may become another line's: that line then has one contact more, never one fewer.
        assert all(set(whole[aor]) <= set(lines.get(aor, ())) for aor in others), body
    assert read > ROUNDS / 10


@pytest.mark.parametrize("name", ["htable-mirror/01-htable.dump-3-contacts", "auth/06-htable.dump-authfail"])
def test_no_mutation_of_a_table_does_worse_than_a_sip_error(name: str) -> None:
    made = recording(name)
    dice = Random(name)
    for _ in range(ROUNDS):
        body = mutated(made.body, 0, len(made.body), dice)
        half = dice.randrange(len(body) + 1)
        with contextlib.suppress(SipError):
            for key, value in slots.entries([body[:half], body[half:]], made.request_id):
                _read(key, value)


def _read(name: str, value: str) -> None:
    homes = frozenset(("auth.test",))
    for read in (
        lambda: values.mirrored_contact(values.mirrored(name)[1], value),
        lambda: values.failure_of_user(name, value, homes),
        lambda: values.failure_of_stranger(value, homes),
    ):
        with contextlib.suppress(BrokenError):
            read()


def test_a_mutation_within_one_entry_costs_no_other_entry() -> None:
    made = recording("htable-mirror/01-htable.dump-3-contacts")
    whole = list(slots.entries([made.body], made.request_id))
    start = made.body.index(b'"name":"h2')
    end = made.body.index(b'"type"', start)
    dice = Random(7)
    read = 0
    for _ in range(ROUNDS):
        body = mutated(made.body, start, end, dice)
        try:
            found = list(slots.entries([body], made.request_id))
        except SipError:
            continue
        read += 1
        assert found[-2:] == whole[-2:], body
    assert read > ROUNDS / 10
