"""Simulated phones that really REGISTER: `python -m demo.phones --plan FILE.json`.

Each has a UDP socket and a Call-ID of its own, answers digest challenges and sends again what was not answered.
"""

import argparse
import asyncio
import contextlib
import json
import random
import secrets
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import cast

from demo.registrar.digest import answer
from demo.registrar.sip import Headers, Request, Response, SipParseError, parse, serialise, split_host_port

FIRST_REGISTERS = 3.0
"""Seconds over which the first REGISTERs of all phones are spread."""
EXPIRES = 120
UP = (30.0, 90.0)
"""Seconds that a coming and going phone stays, at the least and at the most: not long enough to need a refresh."""
AWAY = (15.0, 60.0)
"""Seconds that it is away."""
RETRY = (40.0, 90.0)
"""Seconds until a phone tries again that was refused."""
SILENCE = (2.0, 10.0)
"""Seconds until it tries again when the registrar did not answer at all."""
_T1 = 0.5
_SENDINGS = 5
_BEHIND_NAT = 0.3

Pause = Callable[[float], Awaitable[None]]


class Behaviour(StrEnum):
    """What a phone does all day."""

    STAYS = "stays"
    COMES_AND_GOES = "comes_and_goes"
    WRONG_PASSWORD = "wrong_password"  # noqa: S105 - a word, not a password


@dataclass(frozen=True, slots=True)
class Phone:
    """One entry of the plan; `server` is ``host:port``. A phone with a wrong password gets it that way in the plan."""

    user: str
    password: str = field(repr=False)
    server: str
    behaviour: Behaviour
    user_agent: str


class NoAnswerError(Exception):
    """The registrar did not answer in time."""


class Line(asyncio.DatagramProtocol):
    """A phone's socket and the REGISTERs that it sends, one at a time."""

    def __init__(self, phone: Phone, dice: random.Random) -> None:
        self._phone = phone
        self._dice = dice
        self._host = split_host_port(phone.server, 5060)[0]
        self._address = ""
        # Not from the dice: a phone that was started anew must not be taken for one that was overtaken.
        self._call_id = f"{secrets.token_hex(8)}@phone"
        self._cseq = dice.randrange(1, 1000)
        self._inside = f"192.168.{dice.randrange(1, 9)}.{dice.randrange(2, 250)}:5060"
        self._behind_nat = dice.random() < _BEHIND_NAT
        self._challenge: str | None = None
        self._answers: asyncio.Queue[Response] = asyncio.Queue()
        self._transport: asyncio.DatagramTransport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport to send with."""
        self._transport = cast("asyncio.DatagramTransport", transport)
        host, port = transport.get_extra_info("sockname")[:2]
        self._address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:  # noqa: ARG002 - the base's signature
        """Keep final responses for whoever waits; rubbish is not one."""
        try:
            message = parse(data)
        except SipParseError:
            return
        if isinstance(message, Response) and message.status >= 200:
            self._answers.put_nowait(message)

    def error_received(self, exc: Exception) -> None:
        """The registrar is away: the sending goes unanswered, which is noticed anyway."""

    async def register(self, expires: int) -> int:
        """REGISTER with digest, and return the final status. Raises NoAnswerError."""
        status = await self._once(expires)
        if status == 401 and self._challenge is not None:  # the challenge was new to us: answer it
            status = await self._once(expires)
        if status == 401:
            self._challenge = None
        return status

    async def _once(self, expires: int) -> int:
        self._cseq += 1
        request = serialise(self._request(expires))
        for sending in range(_SENDINGS):
            self._send(request)
            try:
                async with asyncio.timeout(_T1 * 2**sending):
                    response = await self._own_answer()
            except TimeoutError:
                continue
            challenges = response.headers.all("www-authenticate")
            self._challenge = challenges[0] if challenges else self._challenge
            return response.status
        raise NoAnswerError

    async def _own_answer(self) -> Response:
        while True:
            response = await self._answers.get()
            if response.headers.first("cseq") == f"{self._cseq} REGISTER":
                return response

    def _send(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.sendto(data)

    def _request(self, expires: int) -> Request:
        phone = self._phone
        uri, aor = f"sip:{self._host}", f"<sip:{phone.user}@{self._host}>"
        contact = self._inside if self._behind_nat else self._address
        fields = [
            ("Via", f"SIP/2.0/UDP {contact};branch=z9hG4bK{self._dice.getrandbits(64):016x};rport"),
            ("Max-Forwards", "70"),
            ("From", f"{aor};tag={self._dice.getrandbits(32):08x}"),
            ("To", aor),
            ("Call-ID", self._call_id),
            ("CSeq", f"{self._cseq} REGISTER"),
            ("Contact", f"<sip:{phone.user}@{contact}>"),
            ("Expires", str(expires)),
            ("User-Agent", phone.user_agent),
        ]
        if self._challenge is not None:
            cnonce = f"{self._dice.getrandbits(64):016x}"
            authorization = answer(
                self._challenge, user=phone.user, password=phone.password, method="REGISTER", uri=uri, cnonce=cnonce
            )
            fields += [("Authorization", authorization)] if authorization else []
        return Request("REGISTER", uri, Headers(tuple(fields)))


async def live(phone: Phone, dice: random.Random, pause: Pause = asyncio.sleep) -> None:
    """One phone's life, until it is cancelled."""
    loop = asyncio.get_running_loop()
    server = split_host_port(phone.server, 5060)
    transport, line = await loop.create_datagram_endpoint(lambda: Line(phone, dice), remote_addr=server)
    try:
        while True:
            await _next(line, phone.behaviour, dice, pause)
    finally:
        transport.close()


async def run(phones: list[Phone], seed: int, pause: Pause = asyncio.sleep) -> None:
    """All phones side by side, until it is cancelled; the same seed gives the same days."""

    async def begin(position: int, phone: Phone) -> None:
        await pause(FIRST_REGISTERS * position / len(phones))
        await live(phone, random.Random(f"{seed} {phone.user}"), pause)

    async with asyncio.TaskGroup() as group:
        for position, phone in enumerate(phones):
            group.create_task(begin(position, phone))


def read_plan(path: Path) -> list[Phone]:
    """The phones of a plan. Raises OSError or ValueError, which names no password."""
    try:
        return [
            Phone(entry["user"], entry["password"], entry["server"], Behaviour(entry["behaviour"]), entry["user_agent"])
            for entry in json.loads(path.read_text(encoding="utf-8"))
        ]
    except (KeyError, TypeError, ValueError):
        raise ValueError(f"{path} is no plan for phones") from None


def main() -> int:
    """Run a plan until SIGTERM or SIGINT; 1 with one line when there is none."""
    parser = argparse.ArgumentParser(prog="demo.phones", description="Simulated phones that really REGISTER.")
    parser.add_argument("--plan", type=Path, required=True, help="a JSON file, as demo.customers writes it")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    try:
        phones = read_plan(arguments.plan)
    except (OSError, ValueError) as error:
        print(f"demo.phones: {error}", file=sys.stderr)
        return 1
    asyncio.run(_until_told(phones, arguments.seed))
    return 0


async def _until_told(phones: list[Phone], seed: int) -> None:
    running = asyncio.ensure_future(run(phones, seed))
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, running.cancel)
    print(f"{len(phones)} phones", flush=True)
    with contextlib.suppress(asyncio.CancelledError):
        await running


async def _next(line: Line, behaviour: Behaviour, dice: random.Random, pause: Pause) -> None:
    """Register, and do what comes until the next time."""
    try:
        status = await line.register(EXPIRES)
    except NoAnswerError:
        await pause(dice.uniform(*SILENCE))
        return
    if status != 200:
        await pause(dice.uniform(*RETRY))
    elif behaviour is Behaviour.COMES_AND_GOES:
        await pause(dice.uniform(*UP))
        with contextlib.suppress(NoAnswerError):
            await line.register(0)
        await pause(dice.uniform(*AWAY))
    else:
        await pause(EXPIRES * dice.uniform(0.4, 0.6))


if __name__ == "__main__":
    sys.exit(main())
