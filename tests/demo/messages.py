"""REGISTERs as tests write them."""

from demo.registrar.digest import answer
from demo.registrar.sip import Headers, Request, Response, parse, serialise

REALM = "sip.example.jp"


def register(
    *contacts: str,
    user: str = "1001",
    call_id: str = "call@test",
    cseq: int = 1,
    expires: str | None = "60",
    extra: tuple[tuple[str, str], ...] = (),
) -> Request:
    """A REGISTER of `user` with these Contact headers."""
    fields = [
        ("Via", "SIP/2.0/UDP 10.0.0.9:5060;branch=z9hG4bK1;rport"),
        ("Max-Forwards", "70"),
        ("From", f"<sip:{user}@{REALM}>;tag=1"),
        ("To", f"<sip:{user}@{REALM}>"),
        ("Call-ID", call_id),
        ("CSeq", f"{cseq} REGISTER"),
        *(("Contact", contact) for contact in contacts),
        *extra,
    ]
    if expires is not None:
        fields.append(("Expires", expires))
    return Request("REGISTER", f"sip:{REALM}", Headers(tuple(fields)))


def authorized(request: Request, challenge: Response, user: str, password: str) -> Request:
    """The same again with the answer to the challenge."""
    asked = challenge.headers.first("www-authenticate") or ""
    credentials = answer(asked, user=user, password=password, method=request.method, uri=request.uri, cnonce="cn")
    assert credentials is not None
    return Request(request.method, request.uri, Headers((*request.headers.fields, ("Authorization", credentials))))


def again(message: Request | Response) -> Request | Response:
    """What arrives of it at the other side."""
    return parse(serialise(message))
