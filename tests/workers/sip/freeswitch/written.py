"""Lists as FreeSWITCH writes them, recorded or made up."""

from collections.abc import Callable

import pytest

from tests.support.replay_esl import FIVE, HOME, RECORDED_AT, exchanges, tabbed
from workers.sip.base import Problem, SipError
from workers.sip.freeswitch.rows import Clock, Table

CLOCK = Clock(RECORDED_AT, int(RECORDED_AT.timestamp()))
Parser = Callable[[bytes, Clock, str], Table]


def answer(command: str, name: str = FIVE) -> bytes:
    return next(body for asked, body in exchanges(name) if asked == command)


def record(**fields: bytes) -> bytes:
    """A registration as FreeSWITCH writes it."""
    values = {
        "call-id": b"c@h",
        "user": b"1001@" + HOME.encode(),
        "contact": b"&quot;&quot; &lt;sip:1001@192.0.2.1:5060&gt;",
        "agent": b"Phone",
        "status": b"Registered(UDP)(unknown) exp(2026-11-23 12:23:17) expsecs(3659)",
        "network-ip": b"192.0.2.1",
        "network-port": b"5060",
        **{name.replace("_", "-"): value for name, value in fields.items()},
    }
    lines = b"".join(b"        <%s>%s</%s>\n" % (name.encode(), value, name.encode()) for name, value in values.items())
    return b"    <registration>\n" + lines + b"    </registration>\n"


def document(*records: bytes) -> bytes:
    head = b'<?xml version="1.0" encoding="ISO-8859-1"?>\n<profile>\n  <registrations>\n'
    return head + b"".join(records) + b"  </registrations>\n</profile>\n"


def row(**fields: bytes) -> bytes:
    values = {
        "reg_user": b"1001",
        "realm": HOME.encode(),
        "token": b"c@h",
        "url": b"sofia/internal/sip:1001@192.0.2.1:5060",
        "expires": b"1795416797",
        "network_ip": b"192.0.2.1",
        "network_port": b"5060",
        "network_proto": b"udp",
        "hostname": b"fs",
        "metadata": b"",
        **fields,
    }
    return b"\t".join(values.values())


def tab_list(*rows: bytes, total: int | None = None) -> bytes:
    names = b"reg_user,realm,token,url,expires,network_ip,network_port,network_proto,hostname,metadata"
    count = len(rows) if total is None else total
    return b"\n".join((tabbed(names), *rows, b"", b"%d total." % count, b""))


def problem(parse: Parser, body: bytes) -> Problem:
    with pytest.raises(SipError) as raised:
        parse(body, CLOCK, HOME)
    return raised.value.problem
