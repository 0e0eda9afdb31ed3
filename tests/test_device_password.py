"""Device passwords: made fit for phones, or refused."""

import pytest

from app.device_password import (
    GENERATED,
    LONGEST,
    MARKS,
    SHORTEST,
    WORDS,
    Judgement,
    Refusal,
    generate,
    judge,
    strength,
)

NUMBER = "05010000001"
GOOD = "tsubame-Kaze.42"


def test_a_generated_one_is_never_refused_and_easy_to_read() -> None:
    made = {generate() for _ in range(200)}
    assert len(made) == 200
    for password in made:
        assert len(password) == GENERATED
        assert not set(password) & set("l1IoO0")
        assert password.isascii()
        assert password.isalnum()
        assert judge(password, password, [NUMBER]) == Judgement(None, 4)


def test_a_good_one_is_taken() -> None:
    assert judge(GOOD, GOOD, [NUMBER]).refusal is None
    assert judge("Ab3" + MARKS + "xyzzy", "Ab3" + MARKS + "xyzzy", []).refusal is None


@pytest.mark.parametrize(
    ("typed", "again", "refusal"),
    [
        (GOOD, GOOD + "x", Refusal.DIFFERENT),
        (GOOD, "", Refusal.DIFFERENT),
        ("", "", Refusal.SHORT),
        ("x7Kp2mQv9Rt", "x7Kp2mQv9Rt", Refusal.SHORT),
        (GOOD * 3, GOOD * 3, Refusal.LONG),
        ("tsubame Kaze.42", "tsubame Kaze.42", Refusal.CHARACTERS),
        ('tsubame"Kaze.42', 'tsubame"Kaze.42', Refusal.CHARACTERS),
        ("tsubame:Kaze@42", "tsubame:Kaze@42", Refusal.CHARACTERS),
        ("つばめtsubameKaze", "つばめtsubameKaze", Refusal.CHARACTERS),
        ("ｔｓｕｂａｍｅＫａｚｅ４２", "ｔｓｕｂａｍｅＫａｚｅ４２", Refusal.CHARACTERS),
        ("password1234", "password1234", Refusal.GUESSABLE),
        ("aaaaaaaaaaaaaaaaaaaa", "aaaaaaaaaaaaaaaaaaaa", Refusal.GUESSABLE),
        (NUMBER + "a", NUMBER + "a", Refusal.GUESSABLE),
    ],
)
def test_what_is_refused(typed: str, again: str, refusal: Refusal) -> None:
    assert judge(typed, again, [NUMBER, "", "受付"]).refusal is refusal


def test_the_bounds_are_within() -> None:
    for length in (SHORTEST, LONGEST):
        typed = (generate() + generate())[:length]
        assert judge(typed, typed, []).refusal is None


def test_how_strong() -> None:
    assert strength("", []) == 0
    assert strength("password", []) == 0
    assert strength(generate(), []) == 4 == len(WORDS) - 1
    assert strength(NUMBER, [NUMBER]) < strength(NUMBER, [])


def test_a_very_long_one_costs_no_more() -> None:
    assert strength("a" * 100_000, []) == strength("a" * LONGEST, [])
