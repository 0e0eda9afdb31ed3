"""Device passwords: made by the portal, or typed and then judged. SIP phones are guessed at all day long."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final

from zxcvbn import zxcvbn

from app.i18n import _l

SHORTEST = 12
LONGEST = 32
"""What every phone of the last twenty years takes."""
MARKS = "-_.!*+="
"""Marks that neither a phone's web page, nor a provisioning file, nor a SIP header reads as something else."""
STRONG_ENOUGH = 3
GENERATED = 16
"""Characters of a generated password: 92 bits."""
_LETTERS = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789"
"""None that can be taken for another when it is read off a screen: no l, I, 1, o, O, 0."""
_ALLOWED = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789" + MARKS)

WORDS: Final[tuple[Any, ...]] = (
    _l("とても弱い"),
    _l("弱い"),
    _l("やや弱い"),
    _l("強い"),
    _l("とても強い"),
)
"""How strong a password is, by its score."""


class Refusal(Enum):
    """Why a typed password can't be a device password."""

    DIFFERENT = auto()
    SHORT = auto()
    LONG = auto()
    CHARACTERS = auto()
    GUESSABLE = auto()


@dataclass(frozen=True, slots=True)
class Judgement:
    """What is thought of a typed password."""

    refusal: Refusal | None
    strength: int = 0
    """0 (guessed at once) to 4 (hardly ever)."""


def generate() -> str:
    """A new password, fit to be typed into a phone with a keypad."""
    while True:
        made = "".join(secrets.choice(_LETTERS) for _ in range(GENERATED))
        # Some phones want one of each.
        if any(map(str.islower, made)) and any(map(str.isupper, made)) and any(map(str.isdigit, made)):
            return made


def judge(password: str, again: str, known: Sequence[str]) -> Judgement:
    """Whether a typed password may become the device password; `known` is what everybody knows of the line."""
    if password != again:
        return Judgement(Refusal.DIFFERENT, strength(password, known))
    if len(password) < SHORTEST:
        return Judgement(Refusal.SHORT, strength(password, known))
    if len(password) > LONGEST:
        return Judgement(Refusal.LONG)
    if not _ALLOWED.issuperset(password):
        return Judgement(Refusal.CHARACTERS, strength(password, known))
    score = strength(password, known)
    return Judgement(Refusal.GUESSABLE if score < STRONG_ENOUGH else None, score)


def strength(password: str, known: Sequence[str]) -> int:
    """0 (guessed at once) to 4 (hardly ever)."""
    if not password:
        return 0
    # The estimate takes longer than the length: what is behind the longest password says nothing any more.
    return int(zxcvbn(password[:LONGEST], user_inputs=[word for word in known if word])["score"])
