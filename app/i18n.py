"""Translation with types: Japanese is written in the code, English in the catalogue."""

from functools import cache
from typing import Any

from flask import Flask
from flask_babel import force_locale, get_locale
from flask_babel import gettext as _gettext
from flask_babel import lazy_gettext as _lazy_gettext
from flask_babel import ngettext as _ngettext
from markupsafe import Markup

__all__ = ["_", "_l", "force_locale", "language", "ngettext", "register_translation"]


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


def register_translation(app: Flask) -> None:
    """Give the templates a `_` that remembers: Flask-Babel looks for the catalogue at each of a page's 500 words."""
    app.add_template_global(_translate, "_")


def _translate(text: str, **values: object) -> Markup:
    translated = _translated(language(), text)
    return translated % values if values else translated


@cache
def _translated(_language: str, text: str) -> Markup:
    """For the language that is spoken now. All texts stand in the templates: these are few."""
    return Markup(_gettext(text))  # noqa: S704 - a text of ours, as the template's own words are
