from copy import deepcopy
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from tests.workers.sip.kamailio.recordings import dumped, result_of
from workers.sip.base import SipError
from workers.sip.kamailio import parse

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=True) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=12), inner, max_size=3),
    max_leaves=8,
)
UNTOUCHED = result_of("rpc/05-ul.dump-5")
FIELDS = tuple(UNTOUCHED["Domains"][0]["Domain"]["AoRs"][0]["Info"]["Contacts"][0]["Contact"])
LINES = dumped(UNTOUCHED)[0]


def assert_others_are_whole(result: Any, position: int) -> None:
    mutated = UNTOUCHED["Domains"][0]["Domain"]["AoRs"][position]["Info"]["AoR"]
    lines, broken = dumped(result)
    others = {aor: line for aor, line in LINES.items() if aor != mutated}
    assert {aor: lines.get(aor) for aor in others} == others
    assert broken <= 1


class TestIsolation:
    @given(position=st.integers(0, 4), rubbish=JSON)
    def test_a_record_of_rubbish(self, position: int, rubbish: Any) -> None:
        result = deepcopy(UNTOUCHED)
        result["Domains"][0]["Domain"]["AoRs"][position] = rubbish
        assert_others_are_whole(result, position)

    @given(position=st.integers(0, 4), field=st.sampled_from(("AoR", "Contacts")), rubbish=JSON)
    def test_a_line_with_rubbish(self, position: int, field: str, rubbish: Any) -> None:
        assume(str(rubbish) not in LINES)
        result = deepcopy(UNTOUCHED)
        result["Domains"][0]["Domain"]["AoRs"][position]["Info"][field] = rubbish
        lines, _ = dumped(result)
        others = [aor for aor in LINES if aor != UNTOUCHED["Domains"][0]["Domain"]["AoRs"][position]["Info"]["AoR"]]
        assert all(lines[aor] == LINES[aor] for aor in others)

    @given(position=st.integers(0, 4), field=st.sampled_from(FIELDS), rubbish=JSON)
    def test_a_contact_with_rubbish(self, position: int, field: str, rubbish: Any) -> None:
        result = deepcopy(UNTOUCHED)
        result["Domains"][0]["Domain"]["AoRs"][position]["Info"]["Contacts"][0]["Contact"][field] = rubbish
        assert_others_are_whole(result, position)

    @given(result=JSON)
    def test_any_result_is_a_dump_or_an_error(self, result: Any) -> None:
        with pytest.raises(SipError):
            dumped(result)

    @given(body=st.binary(max_size=200))
    def test_any_bytes_are_an_answer_or_an_error(self, body: bytes) -> None:
        with pytest.raises(SipError):
            parse.answer(body, 1)
