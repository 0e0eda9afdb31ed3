"""How long a registrar itself takes to answer for all of its lines, whoever reads that: the floor of every pull."""

import http.client
import json
import socket
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

import psycopg

from bench.crowd import HOSTNAME, Crowd, user
from workers.sip.copying import pieces

Answer = Callable[[], int]
"""Takes the answer, throws it away and tells how many lines it had, or would have had."""
_CHUNK = 1024 * 1024
_IN_FLIGHT = 8
_QUERY = "SELECT username, domain, last_modified, expires, contact, received, user_agent, socket FROM location"


def answers(source: str, crowd: Crowd, location: str, size: int) -> Answer:
    """The quickest way to have the answer of a source."""
    ways: dict[str, Answer] = {
        "htable": partial(_dump, crowd.url, size),
        "sql": partial(_copy, location),
        "sweep": partial(_ask, crowd.datagrams, size),
    }
    return ways[source]


def _dump(url: str, size: int) -> int:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=600)
    question = {"jsonrpc": "2.0", "method": "htable.dump", "params": ["reg"], "id": 1}
    connection.request("POST", parts.path, json.dumps(question), {"Content-Type": "application/json"})
    answer = connection.getresponse()
    while answer.read(_CHUNK):
        continue
    connection.close()
    return size


def _copy(location: str) -> int:
    copied = f"COPY ({_QUERY}) TO STDOUT".encode()
    with psycopg.connect(location) as connection:
        return sum(piece.count(b"\n") for piece in pieces(connection.pgconn, copied))


def _ask(url: str, size: int) -> int:
    """One datagram a line, so many in flight; answers are counted and not looked at."""
    parts = urlsplit(url)
    question = b'{"jsonrpc":"2.0","method":"ul.lookup","params":["location","%b@%b"],"id":1}'
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.settimeout(5)
        target, home = (parts.hostname or "", parts.port or 0), HOSTNAME.encode()
        for index in range(size + _IN_FLIGHT):
            if index >= _IN_FLIGHT:
                sock.recv(65536)
            if index < size:
                sock.sendto(question % (user(index).encode(), home), target)
    return size
