"""What a real Kamailio 5.6.3 answered, byte for byte."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from app.domain.registration import Registration
from workers.sip.kamailio import parse, slots

HOME = "sip.example.jp"
NOW = datetime(2026, 11, 23, 6, 18, 45, 250_000, tzinfo=UTC)
_FOLDER = Path(__file__).parents[3] / "payloads" / "kamailio"


@dataclass(frozen=True)
class Recording:
    """One exchange: the id that was asked with, and the body that came."""

    name: str
    request_id: int
    body: bytes


def recording(name: str) -> Recording:
    """The exchange `folder/number-words`."""
    asked = (_FOLDER / f"{name}.request.http").read_bytes().partition(b"\r\n\r\n")[2]
    body = (_FOLDER / f"{name}.response.http").read_bytes().partition(b"\r\n\r\n")[2]
    question = json.loads(asked)
    request_id = question.get("id") if isinstance(question, dict) else None
    return Recording(name, request_id if isinstance(request_id, int) else 1, body)


def every_lookup() -> list[str]:
    """The names of all recorded contacts."""
    return [
        f"contacts/{path.name.removesuffix('.request.http')}"
        for path in sorted(_FOLDER.glob("contacts/*.request.http"))
    ]


def result_of(name: str) -> Any:
    made = recording(name)
    answer = parse.answer(made.body, made.request_id)
    assert not isinstance(answer, parse.Fault)
    return answer


def fault_of(name: str) -> parse.Fault:
    made = recording(name)
    answer = parse.answer(made.body, made.request_id)
    assert isinstance(answer, parse.Fault)
    return answer


def entries_of(name: str) -> list[tuple[str, str]]:
    """Name and value of each entry of a recorded table."""
    made = recording(name)
    return list(slots.entries([made.body], made.request_id))


def dumped(result: object, table: str = "location") -> tuple[dict[str, Registration], int]:
    records = parse.dumped(result, table, HOME, NOW)
    lines = []
    while True:
        try:
            lines.append(next(records))
        except StopIteration as end:
            broken = end.value
            break
    by_key = {line.aor: line for line in lines}
    assert len(by_key) == len(lines)
    assert not by_key.keys() & broken.lines
    return by_key, broken.records
