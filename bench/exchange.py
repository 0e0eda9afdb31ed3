"""HTTP as bytes: requests as browsers send them, and answers as they arrive, at little cost to whoever measures."""

import gzip
import re
from dataclasses import dataclass, field

_END = b"\r\n\r\n"
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_AS_OF = re.compile(rb"\r\nx-as-of: *([\d:]+)", re.IGNORECASE)
_EMPTY = (204, 304)


def get(path: str, cookie: str = "") -> bytes:
    """A GET with the headers of a browser whose htmx sends it."""
    lines = [
        f"GET {path} HTTP/1.1",
        "Host: portal.example.jp",
        "Connection: keep-alive",
        "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0",
        "Accept: text/html",
        "HX-Request: true",
        "HX-Request-Type: partial",
        "Sec-Fetch-Site: same-origin",
        "Sec-Fetch-Mode: cors",
        "Sec-Fetch-Dest: empty",
        "Referer: https://portal.example.jp/circles/1",
        "Accept-Encoding: gzip",
        "Accept-Language: ja,en-US;q=0.9,en;q=0.8",
        *([f"Cookie: {cookie}"] if cookie else []),
    ]
    return "\r\n".join([*lines, "", ""]).encode()


@dataclass(slots=True)
class Answer:
    """One answer, piece by piece."""

    _data: bytearray = field(default_factory=bytearray)

    def take(self, data: bytes) -> bool:
        """Whether the answer is whole with this."""
        self._data += data
        end = self._data.find(_END)
        if end < 0:
            return False
        if self.status in _EMPTY:
            return True
        length = _LENGTH.search(self._data, 0, end)
        if length is None:
            raise ValueError(f"an answer without its length: {bytes(self._data[:200])!r}")
        return len(self._data) - end - len(_END) >= int(length[1])

    @property
    def status(self) -> int:
        """Its number."""
        return int(self._data[9:12])

    @property
    def size(self) -> int:
        """Its bytes on the wire."""
        return len(self._data)

    @property
    def closes(self) -> bool:
        """Whether the server ends the connection with it."""
        return b"\r\nconnection: close" in self._data[: self._data.find(_END)].lower()

    @property
    def as_of(self) -> str | None:
        """As of when the page is."""
        found = _AS_OF.search(self._data)
        return found[1].decode() if found else None

    @property
    def text(self) -> str:
        """Its body."""
        head, _, body = bytes(self._data).partition(_END)
        return (gzip.decompress(body) if b"content-encoding: gzip" in head.lower() else body).decode()
