"""What logging in costs beside the hash of the password, which is slow on purpose and the floor here.

The hash is timed within each login, so that a busy machine slows both alike. A login ID that does not exist must take
as long as a wrong password: who measures learns nothing.
"""

from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import patch

from flask import Flask
from sqlalchemy.orm import Session

from app.auth import attempts
from app.auth.passwords import hash_password, verify
from app.extensions import db
from app.models import Account, PrincipalKind
from bench.customers import MANY, Size
from bench.report import Times, finish, options, seconds
from bench.stage import Stage, house
from tests.support.customers import PASSWORD
from tests.support.portal import Portal, forms

_LOGIN = "measured"
_PATH = f"/login/{PrincipalKind.ACCOUNT.value}"
_ROUNDS = {True: 4, False: 60}
"""Fewer than the failures that one login ID may have within an hour."""
_KINDS: dict[str, tuple[Callable[[int], tuple[str, str]], int]] = {
    "right": (lambda _: (_LOGIN, PASSWORD), 303),
    "wrong password": (lambda at: (_LOGIN, f"wrong {at}"), 401),
    "no such login ID": (lambda at: (f"nobody{at}", PASSWORD), 401),
}
"""What is typed each time, and how it is answered."""


def main() -> None:
    """Measure on both databases."""
    asked = options("logging in, and its password's hash alone")
    rows = []
    with house() as opened:
        for kind in ("sqlite",) if asked.small else ("sqlite", "postgresql"):
            rows += _measure(kind, opened.stage(kind, Size(100, 1)), _ROUNDS[asked.small])
    finish(asked, "login", rows, slower_by_ms=max(row["beside_ms"] for row in rows))


def _measure(database: str, stage: Stage, rounds: int) -> list[dict[str, Any]]:
    with stage.app.app_context(), Session(db.engine) as session:
        who = session.get_one(Account, MANY)
        who.login_id, who.password_hash = _LOGIN, hash_password(PASSWORD)
        session.commit()
    hashed: list[float] = []
    whole: dict[str, list[float]] = {name: [] for name in _KINDS}
    with patch.object(attempts, "verify", partial(_timed, hashed)):
        for at in range(rounds + 1):
            for name, (typed, status) in _KINDS.items():
                whole[name].append(_log_in(stage.app, f"198.51.100.{at + 1}", *typed(at), status))
    floors = {name: hashed[at :: len(_KINDS)] for at, name in enumerate(_KINDS)}
    # The first of each does not count.
    return [_row(database, name, whole[name][1:], floors[name][1:]) for name in _KINDS]


def _timed(hashed: list[float], encoded: str | None, password: str) -> bool:
    answer: list[bool] = []
    hashed.append(seconds(lambda: answer.append(verify(encoded, password))))
    return answer[0]


def _row(database: str, name: str, whole: list[float], hashed: list[float]) -> dict[str, Any]:
    times, floor = Times.of(whole), Times.of(hashed)
    beside = Times.of([one - other for one, other in zip(whole, hashed, strict=True)])
    return {
        "database": database,
        "login": name,
        **times.row(),
        "hash_ms": floor.median,
        "beside_ms": beside.median,
        "beside_p95_ms": beside.p95,
        "ratio_to_floor": times.median / floor.median,
    }


def _log_in(app: Flask, address: str, login_id: str, password: str, status: int) -> float:
    """Seconds that one login takes from a browser that has just been shown its page."""
    client = Portal(app)
    client.environ_base = {**client.environ_base, "REMOTE_ADDR": address}
    page = client.get("/login")
    token = next(form.fields["csrf_token"] for form in forms(page.text) if form.action == _PATH)
    found: list[int] = []

    def post() -> None:
        form = {"csrf_token": token, "login_id": login_id, "password": password}
        found.append(client.post(_PATH, data=form).status_code)

    taken = seconds(post)
    if found != [status]:
        raise AssertionError(f"a login was answered with {found[0]}, not {status}")
    return taken


if __name__ == "__main__":
    main()
