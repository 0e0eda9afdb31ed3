"""A phone of a few lines: REGISTER with digest authentication over UDP."""

import hashlib
import re
import secrets
import socket
from typing import Self

Address = tuple[str, int]
_FIELD = re.compile(rb'(\w+)="?([^",\s]+)"?')


class Phone:
    """One device of one user. Its contacts are whatever it is told to register."""

    def __init__(self, server: Address, user: str, password: str, *, domain: str, patience: float = 10) -> None:
        self._user, self._password, self._domain = user, password, domain
        self._sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._sock.settimeout(patience)
        self._sock.connect(server)
        self._call_id = secrets.token_hex(8)
        self._cseq = 0
        host, port = self._sock.getsockname()
        self.source = f"{host}:{port}"
        self.contact = f"sip:{user}@{self.source}"

    def register(
        self,
        *,
        contact: str | None = None,
        expires: int = 3600,
        user_agent: bytes = b"Yealink SIP-T46S 66.86.0.15",
        password: str | None = None,
        login: str | None = None,
        realm: str | None = None,
    ) -> int:
        """Register `contact`, by default its own, and return the last answer's status. 0 seconds un-register it.

        `login` is who authenticates if not the line's own user, `realm` one other than the server asks for.
        """
        binding = f"<{contact or self.contact}>;expires={expires}".encode()
        return self._authenticated(binding, user_agent, password or self._password, login or self._user, realm)

    def unregister(self, *, contact: str | None = None) -> int:
        """End the binding of `contact`, by default its own, and return the last answer's status."""
        return self.register(contact=contact, expires=0)

    def unregister_all(self) -> int:
        """End every binding of the line and return the last answer's status."""
        return self._authenticated(b"*\r\nExpires: 0", b"phone", self._password, self._user, None)

    def options(self) -> int:
        """Ask whether the server is there and return its status."""
        return _status(self._exchange(b"OPTIONS", []))

    def close(self) -> None:
        """Give the socket back; what is registered stays registered."""
        self._sock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _authenticated(self, binding: bytes, user_agent: bytes, password: str, login: str, realm: str | None) -> int:
        headers = [b"Contact: " + binding, b"User-Agent: " + user_agent]
        answer = self._exchange(b"REGISTER", headers)
        if _status(answer) == 401:
            answer = self._exchange(b"REGISTER", [*headers, self._credentials(answer, password, login, realm)])
        return _status(answer)

    def _exchange(self, method: bytes, headers: list[bytes]) -> bytes:
        self._cseq += 1
        cseq = f"CSeq: {self._cseq} {method.decode()}".encode()
        lines = [
            b"%s sip:%s SIP/2.0" % (method, self._domain.encode()),
            f"Via: SIP/2.0/UDP {self.source};branch=z9hG4bK{secrets.token_hex(6)};rport".encode(),
            b"Max-Forwards: 70",
            f"From: <sip:{self._user}@{self._domain}>;tag={secrets.token_hex(4)}".encode(),
            f"To: <sip:{self._user}@{self._domain}>".encode(),
            f"Call-ID: {self._call_id}".encode(),
            cseq,
            *headers,
            b"Content-Length: 0",
        ]
        self._sock.send(b"\r\n".join(lines) + b"\r\n\r\n")
        while cseq not in (answer := self._sock.recv(65535)):
            continue  # an answer to an earlier question
        return answer

    def _credentials(self, challenge: bytes, password: str, login: str, realm: str | None) -> bytes:
        line = next(line for line in challenge.split(b"\r\n") if line.lower().startswith(b"www-authenticate:"))
        fields = {name.decode().lower(): value.decode() for name, value in _FIELD.findall(line)}
        realm, nonce, uri = realm or fields["realm"], fields["nonce"], f"sip:{self._domain}"
        secret, asked = _md5(f"{login}:{realm}:{password}"), _md5(f"REGISTER:{uri}")
        values = f'username="{login}", realm="{realm}", nonce="{nonce}", uri="{uri}", algorithm=MD5'
        if "qop" in fields:
            own = secrets.token_hex(8)
            proof = _md5(f"{secret}:{nonce}:00000001:{own}:auth:{asked}")
            values += f', qop=auth, nc=00000001, cnonce="{own}"'
        else:
            proof = _md5(f"{secret}:{nonce}:{asked}")
        return f'Authorization: Digest {values}, response="{proof}"'.encode()


def _status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1])


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()
