"""A real Kamailio for the demo and the tests: its configuration, its subscribers, its command line."""

import hashlib
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

_CONFIG = Path(__file__).with_name("kamailio.cfg")
_SQLITE = ("lib/*/kamailio", "lib/kamailio", "lib64/kamailio", "local/lib/kamailio", "local/lib64/kamailio")
_UNFIT = frozenset(":\\\r\n\0")


def write_subscribers(folder: Path, realm: str, users: Mapping[str, str]) -> None:
    """Write the table `subscriber` into `folder`: each user of `users` with the ha1 of their password, no clear text.

    A running Kamailio sees it with the next REGISTER. Raises ValueError for a name that the table cannot hold.
    """
    rows = ["username(string) ha1(string)"]
    for user, password in users.items():
        if not user or _UNFIT & set(user):
            raise ValueError(f"no subscriber can be called {user!r}")
        rows.append(f"{user}:{ha1_of(user, realm, password)}")
    folder.mkdir(parents=True, exist_ok=True)
    written = folder / "subscriber.new"
    written.write_text("\n".join(rows) + "\n", encoding="utf-8")
    table = folder / "subscriber"
    # It looks at whole seconds: a table that is written twice within one would pass for the first of them.
    newer = max(int(time.time()), int(table.stat().st_mtime) + 1 if table.exists() else 0)
    os.utime(written, (newer, newer))
    written.replace(table)


def ha1_of(user: str, realm: str, password: str) -> str:
    """What digest authentication itself is made of."""
    return hashlib.md5(f"{user}:{realm}:{password}".encode(), usedforsecurity=False).hexdigest()


def command(
    program: str,
    *,
    host: str,
    port: int,
    realm: str,
    subscribers: str,
    run: Path,
    defines: Sequence[str] = (),
) -> list[str]:
    """The command line of a Kamailio in the foreground: SIP on `port` over UDP and TCP, `POST /RPC` on its TCP.

    `subscribers` is the URL of the credentials (see `subscribers_url`), `run` a folder that it may write to, `defines`
    are any of those that kamailio.cfg explains. Logs go to stderr.
    """
    address = f"{host}:{port}"
    listen = ["-l", f"udp:{address}", "-l", f"tcp:{address}"]
    values = [f'REALM="{realm}"', f'SUBSCRIBERS="{subscribers}"', *defines]
    chosen = [part for define in values for part in ("-A", define)]
    return [program, "-f", str(_CONFIG), "-DD", "-E", "-w", str(run), "-Y", str(run), "-m", "64", "-M", "16"] + (
        listen + chosen
    )


def reads_sqlite() -> bool:
    """Whether the installed Kamailio has its module for SQLite, which packages bring apart."""
    return any(any(Path("/usr").glob(f"{folder}/modules/db_sqlite.so")) for folder in _SQLITE)


def subscribers_url(folder: Path) -> str:
    """Where Kamailio finds the table that `write_subscribers` wrote into `folder`."""
    return f"text://{folder.resolve()}"
