"""Portal passwords: Argon2id, which costs memory, so that guessing a stolen table is dear."""

from collections.abc import Sequence

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from app.i18n import _

SHORTEST = 10
LONGEST = 200
_STRONG_ENOUGH = 2
"""Of 4: not guessed by anybody who is held up after a few tries, as at our login."""
_JUDGED = 72

# RFC 9106's second recommended option, with less parallelism: it must hold on a small web machine.
_HASHER = PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
# A hash of the same price that no password leads to. Written down rather than made: that would cost every start of a
# web server, a worker or a command a fifth of a second.
_NOBODY = f"$argon2id$v=19$m={_HASHER.memory_cost},t={_HASHER.time_cost},p={_HASHER.parallelism}${'A' * 22}${'A' * 43}"


def hash_password(password: str) -> str:
    """An encoded Argon2id hash with its own salt."""
    return _HASHER.hash(password)


def verify(encoded: str | None, password: str) -> bool:
    """Whether the password is right. Costs the same where there is no such user, so that time tells nothing."""
    try:
        _HASHER.verify(encoded or _NOBODY, password)
    except (VerificationError, InvalidHashError):
        return False
    return encoded is not None


def refusal(password: str, again: str, known: Sequence[str]) -> str:
    """Why `password` can't become a portal password, in words; empty when it can. `known` is no secret of the login."""
    if password != again:
        return _("新しいパスワードと確認用のパスワードが一致しません。")
    if len(password) < SHORTEST:
        return _("パスワードは%(count)d文字以上にしてください。", count=SHORTEST)
    if len(password) > LONGEST:
        return _("パスワードは%(count)d文字以下にしてください。", count=LONGEST)
    # The estimate takes longer than the length: what is behind this tells nothing any more.
    if zxcvbn(password[:_JUDGED], user_inputs=[word for word in known if word])["score"] < _STRONG_ENOUGH:
        return _("推測されやすいパスワードです。ほかのものにしてください。")
    return ""
