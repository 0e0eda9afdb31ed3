"""What is read by the block is what is read one by one, byte for byte: recordings, and whatever phones may write."""

import json
from dataclasses import replace
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain import record
from app.domain.record import contacts_of
from tests.workers.sip.kamailio.quick import AT, HOME, NOW, SITE, each_once
from tests.workers.sip.kamailio.recordings import dumped, recording, result_of
from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.kamailio import htable, mirror, slots
from workers.sip.kamailio.parse import Broken
from workers.sip.kamailio.rpc import REQUEST
from workers.sip.kamailio.site import Site

Read = tuple[dict[bytes, bytes], Broken]


def together(rows: list[tuple[bytes, bytes]]) -> dict[bytes, bytes]:
    """The bindings of each line as one record."""
    held: dict[bytes, list[bytes]] = {}
    for key, body in rows:
        held.setdefault(key, []).append(body)
    return {key: record.body_of(bodies) for key, bodies in held.items()}


class TestMirror:
    """`htable.dump`."""

    def by_the_block(self, body: bytes, skew: int = 0) -> Read:
        broken = Broken()
        return each_once(list(htable._lines(BytesIO(body), SITE, broken, skew, 0))), broken

    def one_by_one(self, body: bytes, skew: int = 0) -> Read:
        broken = Broken()
        found = together(list(htable._odd(slots.entries([body], REQUEST), SITE, broken, skew)))
        broken.lines -= {key.decode() for key in found}
        return found, broken

    @pytest.mark.parametrize(
        "name",
        [
            "htable-mirror/01-htable.dump-3-contacts",
            "htable-mirror/02-htable.dump-after-unregister",
            "htable-mirror/03-htable.dump-after-expiry-and-refresh",
            "htable-mirror/04-htable.dump-after-star",
            "scale/02-htable.dump-1000",
        ],
    )
    @pytest.mark.parametrize("skew", [0, 300, -300])
    def test_recordings(self, name: str, skew: int) -> None:
        made = recording(name)
        body = made.body.replace(b'"id":%d' % made.request_id, b'"id":%d' % REQUEST)
        assert self.by_the_block(body, skew) == self.one_by_one(body, skew)

    def test_no_entry_is_lost_behind_a_wrong_size(self) -> None:
        """The sizes of all slots together are those of the entries that are plain; one of the others would be lost."""
        entry = '{"name":"%d::sip:%d@h","value":"1795419201|%d|tcp:h|x|a","type":"str"}'
        told = [[(1001, 0)], [(1002, 60), (1003, 60)], [(1004, 60)]]
        texts = [",".join(entry % (line, line, held) for line, held in slot) for slot in told]
        listed = ",".join(f'{{"entry":{at},"size":1,"slot":[{text}]}}' for at, text in enumerate(texts))
        with pytest.raises(SipError) as caught:
            self.by_the_block(f'{{"jsonrpc":"2.0","result":[{listed}],"id":{REQUEST}}}'.encode())
        assert caught.value.problem is Problem.TRUNCATED

    @pytest.mark.parametrize("home", ["[2001:db8::1]", HOME, HOME.upper()])
    @pytest.mark.parametrize("spelled", ["1001", "1001@{}", "1001 ", "1001@", "sip:1001"])
    def test_one_line_in_two_spellings_comes_once(self, home: str, spelled: str) -> None:
        usual = {"aor": "1001", "time": str(AT), "seconds": "3600", "came": "udp:10.0.0.1:5060", "agent": "a"}
        names = ["1001", f"1001@{home}", spelled.format(home)]
        slot = [self.entry(usual | {"host": f"10.0.0.{at}"}, {"aor": name}) for at, name in enumerate(names)]
        # The contact's user is the line's own, however that is spelled: the quick way is not shut to them.
        slot = [
            held | {"name": f"{name}::sip:1001@10.0.0.{at}"}
            for at, (name, held) in enumerate(zip(names, slot, strict=True))
        ]
        answer = {"jsonrpc": "2.0", "result": [{"entry": 1, "size": 3, "slot": slot}], "id": REQUEST}
        body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
        site = Site(Endpoint("http://127.0.0.1:9/RPC", home), lambda: NOW, None)
        found = each_once(list(htable._lines(BytesIO(body), site, Broken(), 0, 0)))
        assert [body.count(b"\n") for body in found.values()] == [2]

    def test_the_same_server_says_the_same_by_another_way(self) -> None:
        found, _ = self.by_the_block(recording("scale/02-htable.dump-1000").body)
        other, _ = dumped(result_of("scale/01-ul.dump-1000"))
        assert found.keys() == {aor.encode() for aor in other}
        for key, body in found.items():
            (one,), (two,) = contacts_of(body), other[key.decode()].contacts
            # A dump tells no source, and how long a binding still holds: at a time that this recording does not tell.
            assert replace(one, source=None, expires_at=None) == replace(two, expires_at=None)

    USUAL: "st.SearchStrategy[dict[str, str]]" = st.builds(
        dict,
        aor=st.sampled_from(("05012000361", "1001", "1002")),
        host=st.sampled_from(("10.0.0.1:5060", "[2001:db8::1]:5060", "10.0.0.1")),
        time=st.integers(AT - 100, AT + 100).map(str),
        seconds=st.integers(0, 120).map(str) | st.just("3600"),
        came=st.sampled_from(("udp:10.0.0.1:5060", "tcp:10.0.0.1:5060", "ws:[2001:db8::1]:5")),
        agent=st.sampled_from(("Yealink SIP-T46S 66.84", "a", "")),
    )
    ODD = st.fixed_dictionaries(
        {},
        optional={
            "aor": st.sampled_from(
                (
                    *("alice", f"1001@{HOME}", "1001@else.test", "1 001", "", "é", '"', "a::b"),
                    *(f"1001@{HOME.upper()}", "1001 ", "1001@", "sip:1001", "１００１"),
                )
            ),
            "scheme": st.sampled_from(("sips", "SIP", "tel", "")),
            "user": st.sampled_from(("1001", "alice", "", "x" * 170, "a::sip:b", "\\", "\x7f")),
            "host": st.sampled_from(("h;transport=tcp", "h;transport=x", "", "h@h", "x" * 188, "\t", "h ", "é", '"')),
            "time": st.sampled_from(("0", "", "x", "-5", "9" * 10, "9" * 11, "9" * 12, "9" * 13, "²")),
            "seconds": st.sampled_from(("", "x", "9" * 10, "9" * 11, "9" * 12)),
            "came": st.sampled_from(
                (
                    "sctp:1.2.3.4:5",
                    "UDP:1.2.3.4:5",
                    "udp",
                    "x:y",
                    "udp:" + "9" * 101,
                    "",
                    "|",
                    "udp: x",
                    "udp:x ",
                    "udp:sip:x;y",
                )
            ),
            "agent": st.sampled_from(
                (
                    "n/a",
                    "[not set]",
                    " padded ",
                    "a|b",
                    'say "hi"',
                    "a\\b",
                    "é",
                    "\udce9",
                    *("x" * n for n in (200, 201)),
                )
            )
            | st.text(st.characters(max_codepoint=0x2FF), max_size=8),
        },
    )

    @staticmethod
    def entry(usual: dict[str, str], odd: dict[str, str]) -> dict[str, str]:
        """One entry: as most phones write it, but for what is odd about it."""
        told = {"scheme": "sip", "user": usual["aor"]} | usual | odd
        fields = (told["time"], told["seconds"], told["came"], HOME, told["agent"])
        name = f"{told['aor']}::{told['scheme']}:{told['user']}@{told['host']}"
        return {"name": name, "value": "|".join(fields), "type": "str"}

    ENTRIES = st.builds(entry, USUAL, st.just(dict[str, str]()) | st.just(dict[str, str]()) | ODD)

    @given(told=st.lists(st.lists(ENTRIES, min_size=1, max_size=3), max_size=6), skew=st.sampled_from((0, 2, -300)))
    def test_whatever_phones_write(self, told: list[list[dict[str, str]]], skew: int) -> None:
        result = [{"entry": number, "size": len(slot), "slot": slot} for number, slot in enumerate(told)]
        answer = {"jsonrpc": "2.0", "result": result, "id": REQUEST}
        text = json.dumps(answer, ensure_ascii=False, separators=(",", ":"))
        body = text.encode("utf-8", "surrogateescape")
        assert self.by_the_block(body, skew) == self.one_by_one(body, skew)

    def test_an_entry_more_than_the_slot_announces_is_a_table_that_did_not_come_whole(self) -> None:
        usual = {"aor": "1001", "host": "10.0.0.1", "time": str(AT), "seconds": "60", "came": "udp:x", "agent": "a"}
        broken = {"name": "1002::sip:1002@10.0.0.2", "value": f"{AT}|60|udp:x", "type": "str"}
        slot = {"entry": 1, "size": 1, "slot": [broken, self.entry(usual, {})]}
        body = json.dumps({"jsonrpc": "2.0", "result": [slot], "id": REQUEST}, separators=(",", ":")).encode()
        with pytest.raises(SipError) as caught:
            self.by_the_block(body)
        assert caught.value.problem is Problem.TRUNCATED

    def test_most_phones_take_the_quick_way(self) -> None:
        """Or the tests above would prove nothing."""
        slot = [
            {
                "name": f"1001::sip:1001@10.0.0.{number}:5060",
                "value": f"{AT}|60|udp:10.0.0.9:5060|{HOME}|a",
                "type": "str",
            }
            for number in range(3)
        ]
        answer = {"jsonrpc": "2.0", "result": [{"entry": 1, "size": 3, "slot": slot}], "id": REQUEST}
        body = json.dumps(answer, separators=(",", ":")).encode()
        (block,) = mirror.blocks(BytesIO(body), REQUEST, HOME)
        assert (len(block.numbered), len(block)) == (3, 3)
