"""Templates: nothing unescaped, nothing inline, no word that can't be translated."""

import re
from pathlib import Path

import pytest

TEMPLATES = Path(__file__).parents[2] / "app" / "templates"
FORBIDDEN = {
    "unescaped": re.compile(r"\|\s*safe\b|autoescape\s+false|\bMarkup\b"),
    "an inline script": re.compile(r"<script(?![^>]*\bsrc=)|<script[^>]*>\s*[^<\s]"),
    "an inline style": re.compile(r"<style\b|\sstyle\s*="),
    "a handler in an attribute": re.compile(r"\s(on[a-z]+|hx-on[:\w-]*)\s*=", re.IGNORECASE),
    "a script in a URL": re.compile(r"javascript:", re.IGNORECASE),
    "somebody else's server": re.compile(r"""(src|href|action)\s*=\s*["'](https?:)?//""", re.IGNORECASE),
}
LOGO = '<span class="mark" aria-hidden="true">繋</span>'
_JINJA = re.compile(r"{#.*?#}|{%.*?%}|{{.*?}}", re.DOTALL)
_JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]+")


def templates(folder: str = ".") -> pytest.MarkDecorator:
    paths = sorted((TEMPLATES / folder).rglob("*.html"))
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(TEMPLATES)))


@templates()
def test_a_template_holds_nothing_that_the_policy_forbids(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert {what: found[0] for what, pattern in FORBIDDEN.items() if (found := pattern.search(text))} == {}


@templates()
def test_every_word_goes_through_translation(path: Path) -> None:
    text = path.read_text(encoding="utf-8").replace(LOGO, "")
    assert _JAPANESE.findall(_JINJA.sub("", text)) == []


@templates("components")
def test_components_are_macros_only(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    outside = re.sub(r"{%-?\s*macro\b.*?endmacro\s*-?%}", "", text, flags=re.DOTALL)
    assert _JINJA.sub("", outside).strip() == ""


@templates("partials")
def test_a_fragment_is_no_page(path: Path) -> None:
    assert re.search(r"<(html|body|head)\b|{%-?\s*extends", path.read_text(encoding="utf-8")) is None
