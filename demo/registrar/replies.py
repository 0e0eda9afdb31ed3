"""What every response repeats of its request (RFC 3261 §8.2.6), and where it goes (RFC 3581)."""

import secrets

from demo.registrar.contacts import Address
from demo.registrar.sip import Headers, Request, Response, SipParseError, split_host_port, split_list

SERVER = "kamailio (5.6.3 (x86_64/linux))"
"""The embedded registrar gives Kamailio's answers, its name included."""
_REPEATED = ("From", "To", "Call-ID", "CSeq")


def check(request: Request) -> None:
    """Raises SipParseError for a request to which no response could be written."""
    if not all(request.headers.first(name) for name in ("Via", *_REPEATED)):
        raise SipParseError("a header that every request has is missing")
    reply_address(request, ("", 0))


def reply(request: Request, source: Address, status: int, reason: str, *extra: tuple[str, str]) -> Response:
    """A response with the `extra` headers; the topmost Via learns where the request came from."""
    top, *others = request.headers.all("Via")
    fields = [("Via", _stamped(top, source)), *(("Via", via) for via in others)]
    for name in _REPEATED:
        value = request.headers.first(name) or ""
        if name == "To" and ";tag=" not in value.rpartition(">")[2]:
            value += f";tag={secrets.token_hex(8)}"
        fields.append((name, value))
    return Response(status, reason, Headers((*fields, *extra, ("Server", SERVER))))


def reply_address(request: Request, source: Address) -> Address:
    """To the port it came from if the phone asked for that, else to the one its Via names. Raises SipParseError."""
    sent_by, *params = split_list(split_list(request.headers.first("Via") or "")[0], ";")
    if any(param.partition("=")[0].strip().lower() == "rport" for param in params):
        return source
    return source[0], split_host_port(sent_by.rpartition(" ")[2], 5060)[1]


def _stamped(via: str, source: Address) -> str:
    top, *others = split_list(via)
    sent_by, *params = split_list(top, ";")
    kept = [f"rport={source[1]}" if param.lower() == "rport" else param for param in params]
    return ", ".join([";".join([sent_by, *kept, f"received={source[0]}"]), *others])
