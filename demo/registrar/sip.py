"""SIP messages (RFC 3261 §7) as values: parsed within bounds, and written.

Text is UTF-8 with surrogate escapes, so that what a phone wrote goes out again byte for byte.
"""

from dataclasses import dataclass

MAX_SIZE = 65_535
MAX_HEADERS = 200
MAX_ELEMENTS = 50
"""Elements that one comma-separated header may have."""

_COMPACT = {"c": "content-type", "e": "content-encoding", "f": "from", "i": "call-id", "k": "supported"} | {
    "l": "content-length",
    "m": "contact",
    "s": "subject",
    "t": "to",
    "v": "via",
}
_TOKEN = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-.!%*_+`'~")


class SipParseError(ValueError):
    """A datagram that is no SIP message, or a part of one that cannot be read."""


@dataclass(frozen=True, slots=True)
class Headers:
    """The header fields of a message, in their order; names are compared without case and in their long form."""

    fields: tuple[tuple[str, str], ...]

    def first(self, name: str) -> str | None:
        """The value of the first field of this name."""
        return next(iter(self.all(name)), None)

    def all(self, name: str) -> list[str]:
        """The values of every field of this name, in their order."""
        wanted = name.lower()
        return [value for field, value in self.fields if long_name(field) == wanted]


@dataclass(frozen=True, slots=True)
class Request:
    """A request: `REGISTER sip:example.jp SIP/2.0` and what follows."""

    method: str
    uri: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """A response: `SIP/2.0 200 OK` and what follows."""

    status: int
    reason: str
    headers: Headers
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class NameAddr:
    """The value of To, From or one Contact: a URI and the header parameters, names in lower case, quotes taken off."""

    uri: str
    params: dict[str, str]


def long_name(field: str) -> str:
    """The lower-case long form of a header field's name."""
    lower = field.lower()
    return _COMPACT.get(lower, lower)


def parse(datagram: bytes) -> Request | Response:
    """The message in one datagram. Raises SipParseError, and nothing else, for anything that is none."""
    if len(datagram) > MAX_SIZE:
        raise SipParseError("too large")
    head, separator, rest = datagram.partition(b"\r\n\r\n")
    if not separator:
        raise SipParseError("no end of the headers")
    lines = _unfold(head.decode("utf-8", "surrogateescape").split("\r\n"))
    headers = Headers(tuple(_field(line) for line in lines[1:]))
    body = _body(headers, rest)
    if lines[0].startswith("SIP/2.0 "):
        return _response(lines[0], headers, body)
    return _request(lines[0], headers, body)


def serialise(message: Request | Response) -> bytes:
    """The bytes of a message; Content-Length is written here, so `headers` must not hold one."""
    if isinstance(message, Request):
        start = f"{message.method} {message.uri} SIP/2.0"
    else:
        start = f"SIP/2.0 {message.status} {message.reason}"
    lines = [start, *(f"{name}: {value}" for name, value in message.headers.fields)]
    lines.append(f"Content-Length: {len(message.body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("utf-8", "surrogateescape") + message.body


def split_list(value: str, separator: str = ",") -> list[str]:
    """The elements of a list, without separators inside quotes or angle brackets. Raises SipParseError."""
    elements, start, quoted, angled, escaped = [], 0, False, False, False
    for position, character in enumerate(value):
        if escaped:
            escaped = False
        elif quoted:
            escaped, quoted = character == "\\", character != '"'
        elif character == '"':
            quoted = True
        elif character in "<>":
            angled = character == "<"
        elif character == separator and not angled:
            elements.append(value[start:position].strip())
            start = position + 1
    if quoted or angled or len(elements) >= MAX_ELEMENTS:
        raise SipParseError("a list without an end")
    return [*elements, value[start:].strip()]


def parse_name_addr(text: str) -> NameAddr:
    """One To, From or Contact value, with or without angle brackets. Raises SipParseError."""
    first, *params = split_list(text, ";")
    if first.endswith(">"):
        uri = first[first.rindex("<") + 1 : -1] if "<" in first else ""
    elif "<" in first or ">" in first:
        raise SipParseError("broken angle brackets")
    else:
        uri = first
    if not uri or any(character.isspace() or character in "<>" for character in uri):
        raise SipParseError("no URI")
    return NameAddr(uri, parse_params(params))


def parse_params(elements: list[str]) -> dict[str, str]:
    """Header parameters by their lower-case names; a flag has the value ""."""
    params = {}
    for element in elements:
        name, _, value = element.partition("=")
        params[name.strip().lower()] = unquote(value.strip())
    return params


def unquote(value: str) -> str:
    """A quoted string without its quotes and escapes; anything else as it is."""
    if len(value) < 2 or value[0] != '"' or value[-1] != '"':
        return value
    kept, escaped = [], False
    for character in value[1:-1]:
        if character == "\\" and not escaped:
            escaped = True
            continue
        kept.append(character)
        escaped = False
    return "".join(kept)


def split_host_port(authority: str, default_port: int) -> tuple[str, int]:
    """`host`, `host:port` or `[IPv6]:port`. Raises SipParseError."""
    if authority.startswith("["):
        host, _, port = authority[1:].partition("]")
        port = port.removeprefix(":")
    else:
        host, _, port = authority.partition(":")
    if not host:
        raise SipParseError("no host")
    return host, number(port, 65_535) if port else default_port


def user_of(uri: str) -> str:
    """The user part of a SIP URI as it was written; "" where it has none."""
    user, at, _ = uri.partition(":")[2].rpartition("@")
    return user.partition(":")[0] if at else ""


def number(text: str, limit: int = 2**32 - 1) -> int:
    """A decimal number of ASCII digits up to `limit`. Raises SipParseError."""
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(limit))) or int(text) > limit:
        raise SipParseError("no number")
    return int(text)


def _unfold(lines: list[str]) -> list[str]:
    """Join a folded header (RFC 3261 §7.3.1) to the line that it continues."""
    unfolded: list[str] = []
    for line in lines:
        if line[:1] in (" ", "\t") and unfolded:
            unfolded[-1] += " " + line.strip()
        else:
            unfolded.append(line)
    if len(unfolded) > MAX_HEADERS:
        raise SipParseError("too many headers")
    return unfolded


def _field(line: str) -> tuple[str, str]:
    name, colon, value = line.partition(":")
    name = name.rstrip(" \t")
    if not colon or not name or not _TOKEN.issuperset(name) or "\r" in value or "\n" in value:
        raise SipParseError("no header field")
    return name, value.strip()


def _body(headers: Headers, rest: bytes) -> bytes:
    length = headers.first("content-length")
    if length is None:
        return rest
    size = number(length)
    if size > len(rest):
        raise SipParseError("the body is cut")
    return rest[:size]


def _request(line: str, headers: Headers, body: bytes) -> Request:
    method, _, rest = line.partition(" ")
    uri, _, version = rest.rpartition(" ")
    if version != "SIP/2.0" or not method or not _TOKEN.issuperset(method) or not uri or " " in uri:
        raise SipParseError("no request line")
    if "\r" in uri or "\n" in uri:
        raise SipParseError("no request line")
    return Request(method, uri, headers, body)


def _response(line: str, headers: Headers, body: bytes) -> Response:
    status, _, reason = line[len("SIP/2.0 ") :].partition(" ")
    code = number(status, 699)
    if code < 100 or "\r" in reason or "\n" in reason:
        raise SipParseError("no status line")
    return Response(code, reason, headers, body)
