"""Which language a person reads: chosen, else what the browser asks for, else Japanese."""

from flask import has_request_context, request, session

DEFAULT = "ja"
SUPPORTED = ("ja", "en")
_CHOSEN = "language"


def choose() -> str:
    """The language of this request."""
    if not has_request_context():
        return DEFAULT
    return chosen() or request.accept_languages.best_match(SUPPORTED, DEFAULT) or DEFAULT


def chosen() -> str | None:
    """What was chosen in this browser; None for nothing."""
    language = session.get(_CHOSEN)
    return str(language) if language in SUPPORTED else None


def remember(language: str) -> None:
    """Keep a choice for this browser's session. Raises ValueError for a language that the portal does not speak."""
    if language not in SUPPORTED:
        raise ValueError(language)
    session[_CHOSEN] = language
