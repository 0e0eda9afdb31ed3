"""Static files: an address for each content, kept by browsers for ever, compressed before anybody asks."""

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

import brotli
import pytest
from flask import Flask, url_for

from tests.support.portal import Portal

STATIC = Path(__file__).parents[2] / "app" / "static"
NAMES = sorted(path.relative_to(STATIC).as_posix() for path in STATIC.rglob("*") if path.is_file())
TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml; charset=utf-8",
}


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def path(app: Flask, name: str) -> Iterator[str]:
    with app.test_request_context():
        yield url_for("static", filename=name)


def test_the_address_says_what_the_content_is(client: Portal, name: str, path: str) -> None:
    assert re.fullmatch(rf"/static/[0-9a-f]{{16}}/{re.escape(name)}", path)
    answer = client.get(path)
    assert answer.data == (STATIC / name).read_bytes()
    assert answer.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert "Content-Encoding" not in answer.headers
    assert answer.headers["Content-Type"] == TYPES.get(name.rpartition(".")[2], "text/plain; charset=utf-8")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    ("accepted", "coding"),
    [
        ("gzip, deflate, br, zstd", "br"),
        ("gzip", "gzip"),
        ("br;q=0.5, gzip", "gzip"),
        ("deflate", None),
        ("gzip;q=0, br;q=0", None),
        ("", None),
    ],
)
def test_it_comes_as_the_browser_can_read_it(
    client: Portal, name: str, path: str, accepted: str, coding: str | None
) -> None:
    answer = client.get(path, headers={"Accept-Encoding": accepted})
    assert answer.headers.get("Content-Encoding") == coding
    read = {"br": brotli.decompress, "gzip": gzip.decompress, None: bytes}[coding]
    assert read(answer.data) == (STATIC / name).read_bytes()
    assert answer.content_length == len(answer.data)
    assert answer.headers["Content-Type"].startswith(("text/", "image/svg+xml"))


def test_what_a_browser_has_is_not_sent_again(client: Portal, path: str) -> None:
    tags = set()
    for accepted in ("br", "gzip", ""):
        first = client.get(path, headers={"Accept-Encoding": accepted})
        tag = first.headers["ETag"]
        again = client.get(path, headers={"Accept-Encoding": accepted, "If-None-Match": tag})
        assert (again.status_code, again.data) == (304, b"")
        for header in ("ETag", "Vary", "Cache-Control"):
            assert again.headers[header] == first.headers[header]
        tags.add(tag)
        head = client.head(path, headers={"Accept-Encoding": accepted})
        assert (head.data, head.headers["ETag"], head.content_length) == (b"", tag, first.content_length)
    assert len(tags) == 3


def test_another_content_is_not_there(client: Portal, name: str, path: str) -> None:
    digest = path.split("/")[2]
    wrong = digest.replace(digest[0], "f" if digest[0] != "f" else "0", 1)
    for stray in (path.replace(digest, wrong), path.replace(digest, digest[:8]), f"{path}x", f"/static/{digest}/"):
        answer = client.get(stray)
        assert answer.status_code == 404
        assert answer.headers["Cache-Control"] == "no-store"
    assert client.get(f"/static/{digest}/../{name}").status_code == 404


def test_the_mere_name_is_asked_for_each_time(client: Portal, name: str) -> None:
    answer = client.get(f"/static/{name}")
    assert answer.data == (STATIC / name).read_bytes()
    assert answer.headers["Cache-Control"] == "no-cache"
    assert client.get(f"/static/{name}", headers={"If-None-Match": answer.headers["ETag"]}).status_code == 304


@pytest.mark.parametrize(
    "stray", ["../config.py", "%2e%2e/config.py", "..%2fconfig.py", "/etc/passwd", "style.css/", "nothing"]
)
def test_nothing_else_is_served(client: Portal, stray: str) -> None:
    assert client.get(f"/static/{stray}").status_code in (404, 308)


def test_pages_ask_for_nothing_by_its_mere_name(client: Portal) -> None:
    addresses = re.findall(r'(?:src|href)="(/static/[^"]*)"', client.get("/login").text)
    assert len(addresses) >= 4
    assert all(client.get(address).headers["Cache-Control"].endswith("immutable") for address in addresses)
