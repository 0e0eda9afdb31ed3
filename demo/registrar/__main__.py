"""`python -m demo.registrar`: one registrar until SIGTERM or SIGINT."""

import argparse
import asyncio
import json
import os
import signal
import sys
from pathlib import Path

from demo.registrar.fronts import FRONTS
from demo.registrar.server import Management, serving


def main() -> int:
    """Run it; 1 with one line when it cannot listen or has no users to know."""
    arguments = _parser().parse_args()
    try:
        users = read_users(arguments.users)
        asyncio.run(_run(users, arguments, _management(arguments)))
    except (OSError, ValueError) as error:
        print(f"demo.registrar: {error}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo.registrar", description="A small SIP registrar with the management interface of a server family."
    )
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen at for SIP")
    parser.add_argument("--port", type=int, default=0, help="UDP for SIP, and TCP for Kamailio's; 0 takes a free one")
    parser.add_argument("--users", type=Path, required=True, help='a JSON file: {"user": "password"}')
    parser.add_argument("--subscribers", type=Path, help="a SQLite file with hashes, which go before those passwords")
    parser.add_argument("--realm", default="tsunagari.demo", help="the realm of digest authentication")
    parser.add_argument("--family", choices=FRONTS, default="kamailio", help="whose management interface to speak")
    parser.add_argument(
        "--management-port", type=int, default=0, help="TCP on 127.0.0.1 for all families but Kamailio; 0: a free one"
    )
    parser.add_argument(
        "--credentials", metavar="NAME", help="the environment variable with the management interface's user:password"
    )
    return parser


def _management(arguments: argparse.Namespace) -> Management:
    """Raises ValueError where credentials are needed and missing; it names no password."""
    user, colon, password = os.environ.get(arguments.credentials or "", "").partition(":")
    if arguments.family != "kamailio" and not (colon and password):
        raise ValueError(f"--family {arguments.family} needs --credentials NAME, a variable that holds user:password")
    return Management(arguments.family, port=arguments.management_port, user=user, password=password)


def read_users(path: Path) -> dict[str, str]:
    """User names and passwords. Raises OSError or ValueError, which names no password."""
    try:
        users = json.loads(path.read_text())
    except ValueError:
        raise ValueError(f"{path} is no JSON") from None
    if not isinstance(users, dict) or not all(isinstance(password, str) for password in users.values()):
        raise ValueError(f"{path} is not an object of user names and passwords")
    return users


async def _run(users: dict[str, str], arguments: argparse.Namespace, management: Management) -> None:
    ended = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, ended.set)
    host, port = arguments.host, arguments.port
    kept = arguments.subscribers
    async with serving(users, arguments.realm, host, port, management=management, subscribers=kept) as (_, bound):
        print(f"registrar at {host}:{bound}: SIP over UDP, managed like {management.family} over TCP", flush=True)
        await ended.wait()


if __name__ == "__main__":
    sys.exit(main())
