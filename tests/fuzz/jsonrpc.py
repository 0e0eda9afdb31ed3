"""Recorded exchanges of JSON-RPC over HTTP, as Kamailio and OpenSIPS have them."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.fuzz.case import PAYLOADS, Case
from tests.fuzz.fed import posted
from tests.fuzz.mutate import Place

_DECODER = json.JSONDecoder(strict=False)
_KEPT = 4


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question and its answer."""

    family: str
    path: str
    """The answer's path under tests/payloads."""
    method: str
    """Empty where no method was asked for."""
    params: Any
    request_id: int | str
    raw: bytes
    """The whole answer, head and all."""
    body: bytes


def exchanges(family: str) -> Iterator[Exchange]:
    """All recorded exchanges of a family, in the order of their paths."""
    for path in sorted((PAYLOADS / family).rglob("*.response.http")):
        asked = _question(path.with_name(path.name.replace(".response.", ".request.")))
        raw = path.read_bytes()
        name, request_id = asked.get("method"), asked.get("id")
        yield Exchange(
            family,
            str(path.relative_to(PAYLOADS)),
            name if isinstance(name, str) else "",
            asked.get("params"),
            request_id if isinstance(request_id, int | str) else 1,
            raw,
            raw.partition(b"\r\n\r\n")[2],
        )


def _question(path: Path) -> dict[str, Any]:
    try:
        asked = json.loads(path.read_bytes().partition(b"\r\n\r\n")[2])
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def framing(exchange: Exchange) -> Case:
    """The HTTP around an answer; a large body is cut, since here it means nothing."""
    head, end, body = exchange.raw.partition(b"\r\n\r\n")
    raw = exchange.raw
    if len(body) > 10_000:
        raw = head.replace(b"%d" % len(body), b"%d" % 5_000) + end + body[:5_000]
    return Case(
        exchange.family, "http", exchange.path, (raw,), posted, whole=b"content-length:" in head.lower() and body != b""
    )


def elements(body: bytes, mark: bytes) -> list[Place]:
    """Where each element lies of the JSON list that begins behind `mark`."""
    text = body.decode("latin-1")
    at = text.find(mark.decode()) + len(mark)
    places: list[Place] = []
    if at < len(mark):
        return places
    while text[at] != "]":
        _value, end = _DECODER.raw_decode(text, at)
        places.append((at, end))
        at = end + 1 if text[end] == "," else end
    return places


def cut_list(body: bytes, mark: bytes) -> bytes:
    """A long list with a few elements at its head and its tail: the same structure."""
    places = elements(body, mark)
    if len(places) <= 3 * _KEPT:
        return body
    head, tail = body[: places[_KEPT - 1][1]], body[places[-_KEPT][0] :]
    return head + b"," + tail
