"""What is not ours is exactly what was published."""

import base64
import hashlib
import re
from pathlib import Path

APP = Path(__file__).parents[2] / "app"
HTMX = APP / "static" / "vendor" / "htmx-4.0.1" / "htmx.min.js"
PINNED = "sha384-Qp9rdC8H7EqOoX+nR0P3RPG2Noji+qdwJlGpfzwQJsfOpp3sGwIdSP9xO3+UlEhn"


def test_htmx_has_the_published_hash() -> None:
    assert "sha384-" + base64.b64encode(hashlib.sha384(HTMX.read_bytes()).digest()).decode() == PINNED


def test_the_page_asks_the_browser_to_check_it_too() -> None:
    base = (APP / "templates" / "base.html").read_text(encoding="utf-8")
    script = re.search(r"<script[^>]*htmx[^>]*>", base)
    assert script is not None
    assert f'integrity="{PINNED}"' in script[0]


def test_nothing_else_is_vendored_unnoticed() -> None:
    scripts = {str(path.relative_to(APP / "static")) for path in (APP / "static" / "vendor").rglob("*.js")}
    assert scripts == {"vendor/htmx-4.0.1/htmx.min.js"}
