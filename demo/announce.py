"""`python -m demo.announce`: waits until the demo is really up, says so, and stays until it is told to end."""

import json
import os
import signal
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

from app.store import listeners, servers
from app.store.connection import StoreError, connect
from demo.files import write_json
from demo.settings import Settings

PATIENCE = 90.0
_PAUSE = 0.2
_MOST = 0.9
_PAGES = {"account": "/login", "circle": "/login?as=circle", "unique": "/login?as=unique", "staff": "/staff/login"}


def main() -> int:
    """Wait, tell, write demo.json, wait for the end; 1 with one line when something does not come up."""
    settings = Settings.from_env(os.environ)
    state = json.loads((settings.var / "state.json").read_text(encoding="utf-8"))
    end = time.monotonic() + PATIENCE
    for what, log, is_so in _conditions(settings, state):
        while not is_so():
            if time.monotonic() > end:
                print(f"not up after {PATIENCE:.0f} s: {what}; see {settings.var / 'log' / log}", flush=True)
                return 1
            time.sleep(_PAUSE)
    softphone = {
        "server": settings.sip,
        "user": state["logins"]["unique"]["id"],
        "password": state["logins"]["unique"]["password"],
    }
    known = {"url": settings.url, "logins": state["logins"], "sip": settings.sip, "softphone": softphone}
    write_json(settings.var / "demo.json", known)
    print(_text(settings, known, overwritten=state["overwritten"]), flush=True)
    signal.pause()
    return 0


def _conditions(settings: Settings, state: dict[str, Any]) -> list[tuple[str, str, Callable[[], bool]]]:
    """What must be so, in the order in which it comes about, and whose log tells why it is not."""
    redis = connect(settings.environment()["REDIS_URL"])
    wanted = {int(server): count for server, count in state["pulled"].items()}

    def pulled() -> bool:
        try:
            known = servers.read(redis, list(wanted))
        except StoreError:
            return False
        return all(known[server].lines >= _MOST * count for server, count in wanted.items())

    def heard() -> bool:
        try:
            return all(listeners.read(redis, server).since is not None for server in state["heard"])
        except StoreError:
            return False

    return [
        ("the portal does not answer", "web.log", lambda: _get(f"{settings.url}/login") is not None),
        ("the portal does not reach Redis", "web.log", lambda: _healthy(settings)),
        ("most phones did not register", "phones.log", lambda: _registered(state["asked"])),
        ("no snapshot with most of the phones came from each server", "workers.log", pulled),
        ("the listener does not hear each server that tells events", "listener.log", heard),
    ]


def _healthy(settings: Settings) -> bool:
    body = _get(f"{settings.url}/healthz")
    return body is not None and json.loads(body).get("redis") is True


def _registered(expected: dict[str, int]) -> bool:
    """Whether the registrars that nobody pulls hold most of the phones that stay."""
    question = {"jsonrpc": "2.0", "method": "ul.dump", "params": ["brief"], "id": 1}
    for url, count in expected.items():
        body = _get(url, json.dumps(question).encode())
        if body is None or len(json.loads(body)["result"]["Domains"][0]["Domain"]["AoRs"]) < _MOST * count:
            return False
    return True


def _get(url: str, body: bytes | None = None) -> bytes | None:
    """The body of a 200; None for anything else."""
    try:
        with urllib.request.urlopen(url, body, timeout=5) as answer:  # noqa: S310 - the demo's own address
            return bytes(answer.read()) if answer.status == 200 else None
    except (OSError, urllib.error.HTTPError):
        return None


def _text(settings: Settings, known: dict[str, Any], *, overwritten: bool) -> str:
    labels = {"account": "Account", "circle": "Circle", "unique": "Unique", "staff": "Staff"}
    logins = [
        f"  {labels[kind]:<8} {login['id']:<14} {login['password']}   at {settings.url}{_PAGES[kind]}"
        for kind, login in known["logins"].items()
    ]
    phone = known["softphone"]
    password = "that you gave it" if overwritten else phone["password"]
    return "\n".join(
        (
            "",
            f"Tsunagari is up: {known['url']}",
            "",
            *logins,
            "",
            f"Watch a sign turn ✓: point a softphone at {phone['server']} (UDP), user {phone['user']}, password",
            f"{password}, then look for お試し用ソフトフォン in circle 本社.",
            f"Everything is written to {settings.var}. Ctrl-C ends it.",
        )
    )


if __name__ == "__main__":
    sys.exit(main())
