"""What a REGISTER asks for: its Contacts, where it came from, and how bindings are written into the answer."""

from urllib.parse import unquote

from demo.registrar.bindings import Binding, Origin, Wanted
from demo.registrar.sip import NameAddr, Request, SipParseError, number, parse_name_addr, split_list, user_of

MAX_USER_AGENT = 255
"""A longer User-Agent counts as none, as at Kamailio."""
ANY_METHOD = 2**32 - 1
# Kamailio's bit of each method is its place here.
_METHODS = (
    *("INVITE", "CANCEL", "ACK", "BYE", "INFO", "REGISTER", "SUBSCRIBE", "NOTIFY"),
    *("MESSAGE", "OPTIONS", "PRACK", "UPDATE", "REFER", "PUBLISH"),
)

Address = tuple[str, int]


def aor_of(uri: str) -> str:
    """The line that a To URI names: its user, unescaped and in lower case. Raises SipParseError without one."""
    user = unquote(user_of(uri), errors="surrogateescape").lower()
    if not user:
        raise SipParseError("To names no user")
    return user


def wanted_contacts(request: Request) -> list[Wanted] | None:
    """The Contacts to bind or to take away; empty for a mere question, None for `*`. Raises SipParseError."""
    elements = [element for value in request.headers.all("contact") for element in split_list(value)]
    if elements == ["*"]:
        return None
    default = _seconds(request.headers.first("expires"))
    return [_wanted(parse_name_addr(element), default) for element in elements]


def removes_all(request: Request) -> bool:
    """Whether a `Contact: *` comes with the `Expires: 0` that it needs."""
    return _seconds(request.headers.first("expires")) == 0


def origin(request: Request, source: Address) -> Origin:
    """What the Contacts of this REGISTER share. Raises SipParseError."""
    cseq, _, method = (request.headers.first("cseq") or "").partition(" ")
    if method.strip() != request.method:
        raise SipParseError("CSeq names another method")
    user_agent = request.headers.first("user-agent")
    return Origin(
        call_id=request.headers.first("call-id") or "",
        cseq=number(cseq),
        user_agent=user_agent if user_agent and len(user_agent) <= MAX_USER_AGENT else None,
        received=f"sip:{source[0]}:{source[1]}",
        path=", ".join(request.headers.all("path")) or None,
        methods=_methods(request),
    )


def written(binding: Binding, now: int) -> str:
    """A binding as a Contact of the answer."""
    contact = binding.contact
    text = f"<{contact.uri}>"
    if contact.q is not None:
        text += f";q={contact.q:g}"
    text += f";expires={binding.expires_at - now}"
    if binding.origin.received:
        text += f';received="{binding.origin.received}"'
    if contact.instance:
        text += f';+sip.instance="{contact.instance}"'
    return text + (f";reg-id={contact.reg_id}" if contact.reg_id else "")


def _wanted(contact: NameAddr, default: int | None) -> Wanted:
    if not contact.uri.lower().startswith(("sip:", "sips:")):
        raise SipParseError("Contact parse error")
    own = _seconds(contact.params.get("expires"))
    return Wanted(
        uri=contact.uri,
        expires=default if own is None else own,
        q=_q(contact.params.get("q")),
        instance=contact.params.get("+sip.instance"),
        reg_id=_seconds(contact.params.get("reg-id")) or 0,
    )


def _seconds(text: str | None) -> int | None:
    """A number; anything else counts for nothing, as at Kamailio."""
    try:
        return None if text is None else number(text)
    except SipParseError:
        return None


def _q(text: str | None) -> float | None:
    if text is None:
        return None
    whole, _, fraction = text.partition(".")
    value = number(whole or "0", 1) + number(fraction or "0", 999) / 10.0 ** len(fraction)
    if value > 1:
        raise SipParseError("q is above 1")
    return value


def _methods(request: Request) -> int:
    allowed = {method for value in request.headers.all("allow") for method in split_list(value)}
    if not allowed:
        return ANY_METHOD
    return sum(1 << bit for bit, method in enumerate(_METHODS) if method in allowed)
