"""Which keys come more than once, however they are dealt out."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from workers.sip.repeats import Repeats, apart

KEYS = st.lists(st.sampled_from([b"%d" % number for number in range(12)]), max_size=6)


@given(pieces=st.lists(KEYS, max_size=6))
def test_what_comes_more_than_once(pieces: list[list[bytes]]) -> None:
    repeats = Repeats()
    for piece in pieces:
        repeats.note(piece)
    counts = Counter(key for piece in pieces for key in piece)
    repeated = repeats.end()
    assert repeated == {key for key, count in counts.items() if count > 1}
    rows = [(key, b"body") for key in counts]
    single, others = apart(rows, repeated)
    assert sorted(single + others) == sorted(rows)
    assert {key for key, _ in others} == repeated
