"""The pages are written in Japanese, and the English catalog has every text of them."""

import re
from functools import cache
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

from app.locale import DEFAULT, SUPPORTED

APP = Path(__file__).parents[2] / "app"
METHODS = [("**.py", "python"), ("templates/**.html", "jinja2")]
KEYWORDS = {"_": None, "gettext": None, "ngettext": (1, 2), "_l": None, "lazy_gettext": None, "N_": None}
OTHERS = [language for language in SUPPORTED if language != DEFAULT]
_PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")

Texts = tuple[str, ...]


@cache
def written() -> frozenset[Texts]:
    """Every text of the code and the templates: one form, or singular and plural."""
    found = extract_from_dir(str(APP), METHODS, keywords=KEYWORDS, options_map={"**.html": {"silent": "false"}})
    return frozenset(texts(message) for _file, _line, message, _comments, _context in found)


def texts(message: object) -> Texts:
    return (
        (message,)
        if isinstance(message, str)
        else tuple(map(str, message))
        if isinstance(message, (tuple, list))
        else ()
    )


def catalog(language: str) -> Catalog:
    with (APP / "translations" / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        return read_po(file, locale=language, abort_invalid=True)


def test_the_pages_are_written_in_japanese() -> None:
    assert DEFAULT == "ja"
    assert len(written()) > 50


@pytest.mark.parametrize("language", OTHERS)
def test_every_text_is_translated_and_none_is_left_over(language: str) -> None:
    translated = {texts(message.id): message for message in catalog(language) if message.id}
    assert sorted(written() - translated.keys()) == []
    assert sorted(translated.keys() - written()) == []
    assert [key for key, message in translated.items() if message.fuzzy or not all(texts(message.string))] == []


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_holds_the_same_placeholders_and_no_japanese(language: str) -> None:
    for message in catalog(language):
        for text in texts(message.string) if message.id else ():
            assert set(_PLACEHOLDER.findall(text)) <= set(_PLACEHOLDER.findall(texts(message.id)[-1])), text
            assert re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text) is None or "日本語" in text, text


@pytest.mark.parametrize("language", OTHERS)
def test_no_text_stands_twice_in_a_catalog(language: str) -> None:
    path = APP / "translations" / language / "LC_MESSAGES" / "messages.po"
    entries = re.findall(r"^msgid .*(?:\n\".*)*", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(entries) == len(set(entries))
