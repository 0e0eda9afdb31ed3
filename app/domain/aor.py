"""One key form for an address-of-record (RFC 3261 §6), so that every server family names a line alike."""

from urllib.parse import unquote

_SCHEMES = ("sip:", "sips:")


def aor_key(text: str, home: str | None = None) -> str:
    """The key of the line that `text` names: lower case, without scheme, parameters or the server's own domain.

    `text` is what a server or an operator wrote: ``sip:Alice@Example.JP;x=1``, ``alice@example.jp`` or ``alice``.
    `home` is the domain that the server stands for: ``alice@home`` and ``alice`` are then the same line.
    Raises ValueError when nothing that could be a user is left.
    """
    key = text.strip()
    if key.lower().startswith(_SCHEMES):
        key = key.split(":", 1)[1]
    key = unquote(key.split(";", 1)[0].split("?", 1)[0]).lower()
    if not key or any(ord(character) <= 0x20 or ord(character) == 0x7F for character in key):
        raise ValueError("no address-of-record")
    user, at, domain = key.rpartition("@")
    if not at:
        return key
    if not user:
        raise ValueError("no address-of-record")
    host = _host(domain)
    return user if not host or host == (home or "").lower() else f"{user}@{host}"


def _host(domain: str) -> str:
    """The domain without its port; an IPv6 address keeps its brackets."""
    if domain.startswith("["):
        return domain.partition("]")[0] + "]"
    return domain.partition(":")[0]
