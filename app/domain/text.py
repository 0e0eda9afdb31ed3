"""What strangers write (user agents, contact addresses), made fit to be stored and shown."""

import unicodedata

LIMIT = 200
_ELLIPSIS = "…"
# Cc control, Cf format (every bidi override and zero-width character is one), Cs surrogate, Co private, Cn unassigned,
# Zl and Zp line and paragraph separators.
_UNFIT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))


def clean(text: str, limit: int = LIMIT) -> str:
    """`text` without control, bidi and other invisible characters, cut to `limit` characters with an ellipsis.

    Escaping is the template's business: markup stays markup here, as text.
    """
    if len(text) <= limit and text.isascii() and text.isprintable():
        # Nearly every text is so; at a million lines the rest of this would be felt.
        return text.strip()
    # A 64 kB header must not cost 64 kB of look-ups: four times the limit is enough to fill it from.
    head = text[: limit * 4]
    kept = "".join(character for character in head if unicodedata.category(character) not in _UNFIT).strip()
    if len(kept) > limit or len(text) > len(head):
        return kept[: limit - 1] + _ELLIPSIS
    return kept
