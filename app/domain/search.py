"""How searches compare what people type: width, case, kana and hyphens make no difference."""

import unicodedata

_KATAKANA = range(0x30A1, 0x30F7)
_TO_HIRAGANA = {code: code - 0x60 for code in _KATAKANA}
_NO_HYPHENS = dict.fromkeys(map(ord, "-\u2010\u2011\u2012\u2013\u2014\u2015\u2212\u30fc"))
"""All that a keyboard in Japan makes of the hyphen's key; the long vowel's mark stands in no number."""


def fold(text: str) -> str:
    """`text` in half width, lower case and hiragana, without spaces."""
    return "".join(unicodedata.normalize("NFKC", text).casefold().translate(_TO_HIRAGANA).split())


def number_key(text: str) -> str:
    """The number of a line or circle as it is stored: half width, without spaces and hyphens."""
    return "".join(unicodedata.normalize("NFKC", text).translate(_NO_HYPHENS).split())


def phone_digits(text: str) -> str:
    """The digits of a phone number, half width; hyphens, brackets and everything else go."""
    return "".join(character for character in unicodedata.normalize("NFKC", text) if character in "0123456789")
