"""What a person types into a phone so that it registers as a line."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PhoneSettings:
    """The settings of one line; the device password is none of them, since nobody here knows it."""

    user: str
    server: str
    port: int
    transport: str
    """udp, tcp or tls."""

    @property
    def uri(self) -> str:
        """All of them as one SIP URI (RFC 3261 §19.1), which softphones and cameras can read."""
        return f"sip:{self.user}@{self.server}:{self.port};transport={self.transport}"


def settings_of(number: str, aor: str, hostname: str, port: int, transport: str) -> PhoneSettings:
    """The settings of the line `number` whose key at the server is `aor`.

    The user is the number, unless the server knows the line by another name; a key with a domain of its own is of a
    server that stands for several.
    """
    user, at, domain = aor.rpartition("@")
    if not at:
        user, domain = aor, hostname
    return PhoneSettings(number if user == number.lower() else user, domain, port, transport)
