"""Searches find what a person means, however it was typed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.search import fold, number_key, phone_digits


@pytest.mark.parametrize(
    ("written", "folded"),
    [
        ("田中 太郎", "田中太郎"),
        ("タナカ　タロウ", "たなかたろう"),
        ("ﾀﾅｶ ﾀﾛｳ", "たなかたろう"),
        ("ガレージ", "がれーじ"),
        ("ｶﾞﾚｰｼﾞ", "がれーじ"),
        ("ＡＢＣ営業", "abc営業"),
        ("Straße", "strasse"),
        ("ヴァイオリン", "ゔぁいおりん"),
        ("", ""),
        (" \u3000\t", ""),
    ],
)
def test_width_case_kana_and_spaces_make_no_difference(written: str, folded: str) -> None:
    assert fold(written) == folded


@pytest.mark.parametrize(
    ("written", "digits"),
    [
        ("03-1234-5678", "0312345678"),
        ("(03)1234 5678", "0312345678"),
        ("０３－１２３４－５６７８", "0312345678"),
        ("+81 3 1234 5678", "81312345678"),
        ("内線", ""),
        ("٠١٢", ""),
    ],
)
def test_only_the_digits_of_a_phone_number_count(written: str, digits: str) -> None:
    assert phone_digits(written) == digits


japanese = st.text(
    st.characters(min_codepoint=0x3041, max_codepoint=0x3096)
    | st.characters(min_codepoint=0x30A1, max_codepoint=0x30F6)
    | st.characters(min_codepoint=0xFF01, max_codepoint=0xFF9D)
    | st.sampled_from("田中abcXYZ 　")
)


@given(japanese)
def test_what_is_folded_stays_so_and_matches_itself_in_any_case(text: str) -> None:
    assert fold(fold(text)) == fold(text) == fold(text.upper()) == fold(text.lower())


@given(st.text())
def test_digits_are_ascii_digits_whatever_was_typed(text: str) -> None:
    assert set(phone_digits(text)) <= set("0123456789")


@pytest.mark.parametrize(
    ("typed", "key"),
    [
        ("05010000001", "05010000001"),
        (" ０５０－１０００－０００１ ", "05010000001"),
        ("050ー1000ー0001", "05010000001"),
        ("050ｰ1000‐0001", "05010000001"),
        ("050 1000−0001", "05010000001"),
        ("Ａ-100", "A100"),
        ("-", ""),
    ],
)
def test_a_number_as_it_is_stored(typed: str, key: str) -> None:
    assert number_key(typed) == key
