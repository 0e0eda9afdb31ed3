"""An `htable.dump` read slot by slot: it may be 175 MB long, and is never in memory as a whole. Pure."""

import codecs
import json
import re
from collections.abc import Iterable, Iterator

from workers.sip.base import Problem, SipError

_HEAD = re.compile(r'\s*\{\s*"jsonrpc"\s*:\s*"2\.0"\s*,\s*"result"\s*:\s*\[')
_COMMA = re.compile(",")
_END = re.compile(r"]")
# What cannot be read within so many characters is no slot that has not come whole.
_LONGEST = 4 * 1024 * 1024
_DECODER = json.JSONDecoder(strict=False)

Entry = tuple[str, str]


def entries(chunks: Iterable[bytes], request_id: int | str) -> Iterator[Entry]:
    """Name and value of each entry of the table in the answer to the request.

    Raises SipError: GARBAGE for what is no such answer, TRUNCATED where a slot holds other than it announces.
    """
    for slot in _elements(_Text(chunks), request_id):
        if not isinstance(slot, dict) or not isinstance(held := slot.get("slot"), list):
            raise SipError(Problem.GARBAGE, "the answer is no table")
        if slot.get("size") != len(held):
            raise SipError(Problem.TRUNCATED, "a slot of the table did not come whole")
        for entry in held:
            yield _entry(entry)


def _entry(entry: object) -> Entry:
    """Name and value, empty where they are none: whoever reads them counts that as broken."""
    name, value = (entry.get("name"), entry.get("value")) if isinstance(entry, dict) else (None, None)
    return name if isinstance(name, str) else "", value if isinstance(value, str) else ""


class _Text:
    """The answer's text, taken from its front."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        # A phone's user agent may be latin-1: it may not spoil the whole.
        self._pieces = codecs.iterdecode(chunks, "utf-8", errors="replace")
        self._held = ""
        self._at = 0

    def peek(self) -> str:
        """The next character that is no space, "" at the end."""
        while True:
            while self._held[self._at : self._at + 1].isspace():
                self._at += 1
            if self._at < len(self._held) or not self._more():
                return self._held[self._at : self._at + 1]

    def take(self, pattern: re.Pattern[str]) -> None:
        """Take what `pattern` matches. Raises SipError(GARBAGE)."""
        while not (match := pattern.match(self._held, self._at)):
            self._need_more()
        self._at = match.end()

    def value(self) -> object:
        """Take a whole JSON value. Raises SipError(GARBAGE)."""
        while True:
            self.peek()
            try:
                value, self._at = _DECODER.raw_decode(self._held, self._at)
            except ValueError:
                self._need_more()
            except RecursionError:
                raise _garbage() from None
            else:
                return value

    def rest(self) -> str:
        """Take all that is left. Raises SipError(GARBAGE) where that is much."""
        while self._more():
            self._refuse_long()
        return self._held[self._at :]

    def _need_more(self) -> None:
        self._refuse_long()
        if not self._more():
            raise _garbage()

    def _refuse_long(self) -> None:
        if len(self._held) - self._at > _LONGEST:
            raise _garbage()

    def _more(self) -> bool:
        piece = next(self._pieces, None)
        if piece is not None:
            self._held, self._at = self._held[self._at :] + piece, 0
        return piece is not None


def _elements(text: _Text, request_id: int | str) -> Iterator[object]:
    text.take(_HEAD)
    if text.peek() != "]":
        yield text.value()
        while text.peek() == ",":
            text.take(_COMMA)
            yield text.value()
    text.take(_END)
    try:
        tail = json.loads('{"result":[]' + text.rest())
    except (ValueError, RecursionError):
        raise _garbage() from None
    if tail.get("id") != request_id:
        raise SipError(Problem.GARBAGE, "the answer belongs to no question of ours")


def _garbage() -> SipError:
    return SipError(Problem.GARBAGE, "the answer is no table")
