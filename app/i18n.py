"""Translation with types: Japanese is written in the code, English in the catalogue."""

from typing import Any

from flask_babel import force_locale, get_locale
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext
from flask_babel import ngettext as _ngettext

__all__ = ["_", "_l", "force_locale", "language", "ngettext"]


def _(text: str, **values: object) -> str:
    """`text` in the reader's language, `%(name)s` filled in."""
    return str(_gettext(text, **values))


def _l(text: str) -> Any:
    """`text` to be translated when it is shown; for constants."""
    return _lazy_gettext(text)


def ngettext(one: str, many: str, count: int) -> str:
    """The form that fits `count`, `%(num)d` filled in."""
    return str(_ngettext(one, many, count))


def language() -> str:
    """The code of the reader's language."""
    return str(get_locale() or "ja")
