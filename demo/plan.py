"""What the simulated phones and the registrars are told, made from the demo's customers."""

import random
from typing import Any

from demo import words
from demo.customers import Line, all_lines, customers, password, reserved_line
from demo.phones import Behaviour
from demo.servers import LIVE

_WRONG_PASSWORDS = {LIVE: 3}
"""Phones whose owner mistyped the password, by server; one at each of the others."""
_SWITCHED_OFF = 0.06
_COMING_AND_GOING = 0.15


def users(secret: str, server: str) -> dict[str, str]:
    """The device passwords that the registrar of `server` knows, by user."""
    return {
        line.number: password(secret, line.number) for line in all_lines() if line.server == server and line.registers
    }


def plan(secret: str, addresses: dict[str, str]) -> list[dict[str, Any]]:
    """The simulated phones, for `demo.phones`; `addresses` gives each server's host:port."""
    dice = random.Random("phones")
    reserved = reserved_line().number
    groups = [group for customer in customers() for group in customer.groups if group.state != "cancelled"]
    lines = [line for group in groups for line in group.lines if line.registers and line.number != reserved]
    lines = [line for line in lines if dice.random() >= _SWITCHED_OFF]
    dice.shuffle(lines)
    mistyped = _mistyped(lines)
    phones = [_phone(line, dice, secret, addresses, wrong=line.number in mistyped) for line in lines]
    hostile = min((phone for phone in phones if phone["behaviour"] == Behaviour.STAYS), key=lambda phone: phone["user"])
    hostile["user_agent"] = words.HOSTILE_USER_AGENT
    return phones


def _mistyped(lines: list[Line]) -> set[str]:
    """The first lines of each server."""
    numbers: dict[str, list[str]] = {}
    for line in lines:
        numbers.setdefault(line.server or LIVE, []).append(line.number)
    return {number for server, found in numbers.items() for number in found[: _WRONG_PASSWORDS.get(server, 1)]}


def _phone(line: Line, dice: random.Random, secret: str, addresses: dict[str, str], *, wrong: bool) -> dict[str, Any]:
    behaviour = Behaviour.COMES_AND_GOES if dice.random() < _COMING_AND_GOING else Behaviour.STAYS
    right = password(secret, line.number)
    return {
        "user": line.number,
        "password": right[::-1] + "x" if wrong else right,
        "server": addresses[line.server or LIVE],
        "behaviour": Behaviour.WRONG_PASSWORD if wrong else behaviour,
        "user_agent": dice.choice(words.USER_AGENTS),
    }
