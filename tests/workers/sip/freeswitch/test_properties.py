"""Lists cut at every byte: refused or whole, never short."""

from collections.abc import Callable

import pytest

from tests.support.replay_esl import FIVE, HOME, LIST, RECORDED_AT, exchanges, tabbed
from workers.sip.base import SipError
from workers.sip.freeswitch.parse import delimited_table, profile_table, xml_table
from workers.sip.freeswitch.rows import Clock, Table

CLOCK = Clock(RECORDED_AT, int(RECORDED_AT.timestamp()))
FOUR = "12-two-phones-one-user-profile-contact-core-default"


def recorded(command: str, name: str = FIVE) -> bytes:
    return max((body for asked, body in exchanges(name) if asked == command), key=len)


LISTS: dict[str, tuple[bytes, Callable[[bytes, Clock, str], Table]]] = {
    "profile": (recorded(LIST), profile_table),
    "profile, one line": (recorded(LIST, FOUR), profile_table),
    "core": (tabbed(recorded("show registrations")), delimited_table),
    "xml": (recorded("show registrations as xml"), xml_table),
}


@pytest.mark.parametrize("name", LISTS)
def test_a_list_cut_anywhere_is_refused_or_whole(name: str) -> None:
    body, parse = LISTS[name]
    whole = parse(body, CLOCK, HOME)
    for end in range(len(body)):
        try:
            table = parse(body[:end], CLOCK, HOME)
        except SipError:
            continue
        assert table == whole
