"""What strangers write, made fit to be shown."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.text import LIMIT, clean


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("Yealink SIP-T46U 108.86.0.20", "Yealink SIP-T46U 108.86.0.20"),
        ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"),
        ("  電話機 ", "電話機"),
        ("a\x00b\r\nc\x1b[31md", "abc[31md"),
        ("admin\u202egpj.exe\u2066x\u2069", "admingpj.exex"),
        ("zero\u200bwidth\ufeff\u00ad", "zerowidth"),
        ("line\u2028par\u2029", "linepar"),
        ("\ud800private\ue000", "private"),
        ("", ""),
        ("\u200b", ""),
    ],
)
def test_invisible_characters_go_and_the_rest_stays(written: str, kept: str) -> None:
    assert clean(written) == kept


def test_long_text_is_cut_with_an_ellipsis() -> None:
    assert clean("x" * LIMIT) == "x" * LIMIT
    assert clean("x" * (LIMIT + 1)) == "x" * (LIMIT - 1) + "…"
    assert clean("x" * 65536) == "x" * (LIMIT - 1) + "…"
    assert clean("abcdef", 4) == "abc…"


def test_text_that_hides_its_length_still_says_that_it_was_cut() -> None:
    assert clean("ab" + "\u200b" * 65536) == "ab…"


@given(st.text(max_size=2000) | st.text("\u202e\u200b\x00ab ", max_size=2000), st.integers(1, 300))
def test_what_is_kept_is_short_visible_and_stays_so(text: str, limit: int) -> None:
    kept = clean(text, limit)
    assert len(kept) <= limit
    assert not any(unicodedata.category(character)[0] == "C" for character in kept)
    assert clean(kept, limit) == kept
