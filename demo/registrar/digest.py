"""Digest authentication (RFC 2617, RFC 7616) with MD5: the registrar's side and the phone's."""

import base64
import binascii
import hashlib
import hmac
import struct
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from demo.registrar.sip import SipParseError, parse_params, split_list

NONCE_LIFETIME = 300
"""Seconds that a nonce is good for; an older one is stale, and the phone asks again without bothering its user."""
_TIME = struct.Struct(">Q")
_NONCE_BYTES = _TIME.size + 16
_CREDENTIALS = ("username", "realm", "nonce", "uri", "response")


class Outcome(StrEnum):
    """What a request's credentials amount to, in the words that Kamailio's include file stores."""

    OK = "ok"
    NO_CREDENTIALS = "no_credentials"
    STALE = "stale"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word, not a password
    UNKNOWN_USER = "unknown_user"
    USER_MISMATCH = "user_mismatch"
    ERROR = "error"


FAILURES = frozenset((Outcome.WRONG_PASSWORD, Outcome.UNKNOWN_USER, Outcome.USER_MISMATCH, Outcome.ERROR))
"""The outcomes that are failures; the others are steps of every authentication."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome, and the user that the credentials claim."""

    outcome: Outcome
    user: str = ""


class Nonces:
    """Nonces that carry their own age, signed, so that none of them has to be remembered."""

    def __init__(self, secret: bytes, lifetime: int = NONCE_LIFETIME) -> None:
        self._secret = secret
        self._lifetime = lifetime

    def issue(self, now: float) -> str:
        """A nonce of this moment (epoch seconds)."""
        when = _TIME.pack(int(now))
        return base64.urlsafe_b64encode(when + self._sign(when)).decode()

    def judge(self, nonce: str, now: float) -> Outcome:
        """OK, STALE, or ERROR for one that is not ours."""
        try:
            raw = base64.urlsafe_b64decode(nonce.encode())
        except (binascii.Error, ValueError):
            return Outcome.ERROR
        if len(raw) != _NONCE_BYTES or not hmac.compare_digest(raw[_TIME.size :], self._sign(raw[: _TIME.size])):
            return Outcome.ERROR
        age = now - _TIME.unpack_from(raw)[0]
        return Outcome.OK if -1 <= age <= self._lifetime else Outcome.STALE

    def _sign(self, when: bytes) -> bytes:
        return hmac.digest(self._secret, when, "sha256")[:16]


Kept = Callable[[str], str | None]
"""The HA1 of a user from where the portal can overwrite it; None where nothing is kept of them."""


class Authenticator:
    """Decides on a request's Authorization for one realm. Nonce counts are not followed: a demo fears no replay."""

    def __init__(self, realm: str, users: dict[str, str], nonces: Nonces, kept: Kept = lambda _user: None) -> None:
        self.realm = realm
        self._users = users
        self._nonces = nonces
        self._kept = kept

    def knows(self, user: str) -> bool:
        """Whether there is such a user."""
        return user in self._users

    def challenge(self, now: float, *, stale: bool) -> str:
        """The value of WWW-Authenticate."""
        ending = ", stale=true" if stale else ""
        return f'Digest realm="{self.realm}", nonce="{self._nonces.issue(now)}", qop="auth", algorithm=MD5{ending}'

    def judge(self, method: str, authorizations: list[str], to_user: str, now: float) -> Verdict:
        """Whether the one among the Authorization values that is for this realm is right for the user of To."""
        given = self._ours(authorizations)
        if given is None:
            return Verdict(Outcome.NO_CREDENTIALS)
        user = given["username"]
        age = self._nonces.judge(given["nonce"], now)
        if age is not Outcome.OK:
            return Verdict(age, user)
        if user not in self._users:
            return Verdict(Outcome.UNKNOWN_USER, user)
        secret = self._kept(user) or ha1_of(user, self.realm, self._users[user])
        if not _matches(given, secret, method):
            return Verdict(Outcome.WRONG_PASSWORD, user)
        return Verdict(Outcome.OK if user.lower() == to_user.lower() else Outcome.USER_MISMATCH, user)

    def _ours(self, authorizations: list[str]) -> dict[str, str] | None:
        for value in authorizations:
            given = parse_digest(value)
            if given.get("realm") == self.realm and all(name in given for name in _CREDENTIALS):
                return given
        return None


def parse_digest(value: str) -> dict[str, str]:
    """The parameters of a `Digest …` header by their lower-case names; empty for anything else."""
    scheme, _, rest = value.partition(" ")
    if scheme.lower() != "digest":
        return {}
    try:
        return parse_params(split_list(rest))
    except SipParseError:
        return {}


def answer(challenge: str, *, user: str, password: str, method: str, uri: str, cnonce: str) -> str | None:
    """The phone's Authorization for a WWW-Authenticate value; None for a challenge that cannot be met."""
    asked = parse_digest(challenge)
    if "realm" not in asked or "nonce" not in asked or asked.get("algorithm", "MD5").upper() != "MD5":
        return None
    given = {"username": user, "realm": asked["realm"], "nonce": asked["nonce"], "uri": uri}
    if "auth" in [kind.strip().lower() for kind in asked.get("qop", "").split(",")]:
        given |= {"qop": "auth", "nc": "00000001", "cnonce": cnonce}
    given["response"] = response(given, password, method)
    bare = ("qop", "nc")
    written = ", ".join(f"{name}={text}" if name in bare else f'{name}="{text}"' for name, text in given.items())
    return f"Digest {written}, algorithm=MD5" + (f', opaque="{asked["opaque"]}"' if "opaque" in asked else "")


def response(given: dict[str, str], password: str, method: str) -> str:
    """The response digest for these credentials, with or without qop=auth (RFC 2617 §3.2.2.1)."""
    return _response(given, ha1_of(given["username"], given["realm"], password), method)


def ha1_of(user: str, realm: str, password: str) -> str:
    """What servers keep in the place of a password."""
    return _md5(f"{user}:{realm}:{password}")


def _response(given: dict[str, str], secret: str, method: str) -> str:
    request = _md5(f"{method}:{given['uri']}")
    if given.get("qop", "").lower() == "auth":
        middle = f"{given['nonce']}:{given.get('nc', '')}:{given.get('cnonce', '')}:auth"
    else:
        middle = given["nonce"]
    return _md5(f"{secret}:{middle}:{request}")


def _matches(given: dict[str, str], secret: str, method: str) -> bool:
    if given.get("algorithm", "MD5").upper() != "MD5":
        return False
    expected = _response(given, secret, method)
    return hmac.compare_digest(expected.encode(), given["response"].lower().encode("utf-8", "surrogateescape"))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode("utf-8", "surrogateescape"), usedforsecurity=False).hexdigest()
