"""The event socket itself: pieces, cuts and silence, the login, and what an operator is told."""

import socket
from dataclasses import replace

import pytest

from tests.support.replay_esl import (
    FIVE,
    GOODBYE,
    GREETING,
    HOME,
    LIST,
    PASSWORD,
    RECORDED_AT,
    USER,
    ReplayEsl,
    answered,
    exchanges,
    server_bytes,
)
from tests.support.replay_stream import Manner
from tests.workers.sip.freeswitch.asking import LIFECYCLE, SOURCES, adapter, failure, lines, slow
from workers.sip.base import Capability, Endpoint, Problem
from workers.sip.freeswitch.client import FreeswitchAdapter


class TestTransport:
    @pytest.mark.parametrize("manner", [Manner(piece=1), Manner(piece=7), Manner(piece=400, pause=0.001)])
    def test_pieces_and_pauses(self, manner: Manner) -> None:
        with ReplayEsl(manner=manner) as server:
            assert len(lines(server)) == 5

    def test_events_between_answers(self) -> None:
        with ReplayEsl(between=LIFECYCLE) as server:
            assert len(lines(server)) == 5

    @pytest.mark.parametrize("source", ["profile", "core"])
    def test_a_cut_anywhere_leaves_nothing_to_believe(self, source: str) -> None:
        whole = sum(len(answered(body)) for body in dict(exchanges(FIVE)).values())
        assert whole > 7000
        for cut in range(1, 6000 if source == "profile" else 1100, 211):
            with ReplayEsl(manner=Manner(cut=cut)) as server:
                assert failure(lambda: lines(server, source=source)).problem is Problem.TRUNCATED

    def test_silence(self) -> None:
        for stall in (0, 40, 100, 900):
            with ReplayEsl(manner=Manner(stall=stall)) as server:
                assert failure(lambda: list(slow(server).snapshot())).problem is Problem.TIMEOUT

    def test_a_shorter_content_length_does_not_become_a_list(self) -> None:
        body = dict(exchanges(FIVE))[LIST]
        short = answered(body).replace(b"%d\n" % len(body), b"%d\n" % (len(body) - 40))
        with ReplayEsl({LIST: lambda wire: wire.write(short)}) as server:
            assert failure(lambda: lines(server)).problem is Problem.TRUNCATED

    def test_an_answer_larger_than_the_limit(self) -> None:
        with ReplayEsl() as server:
            small = replace(server.endpoint(), size_limit=2000)
            assert failure(lambda: list(FreeswitchAdapter(small).snapshot())).problem is Problem.TOO_LARGE

    @pytest.mark.parametrize(
        "head",
        [
            b"Content-Type: api/response\nContent-Length: -5\n\n",
            b"Content-Type: api/response\nContent-Length: x\n\n",
            b"Content-Length: 0\n\n",
            b"HTTP/1.1 400 Bad Request\n\n",
            b"Content-Type: command/reply\nReply-Text: -ERR permission denied\n\n",
        ],
    )
    def test_a_head_that_is_none(self, head: bytes) -> None:
        with ReplayEsl({LIST: lambda wire: wire.write(head)}) as server:
            problem = failure(lambda: lines(server)).problem
        assert problem is (Problem.PERMISSION if b"denied" in head else Problem.GARBAGE)

    def test_a_server_that_shuts_down_says_so(self) -> None:
        body = b"The system is being shut down.\n"
        notice = b"Content-Type: text/disconnect-notice\nContent-Length: %d\n\n" % len(body) + body
        with ReplayEsl({LIST: lambda wire: wire.write(notice)}) as server:
            error = failure(lambda: lines(server))
        assert error.problem is Problem.FAULT
        assert "shut down" in error.detail


class TestLogin:
    def test_the_wrong_password(self) -> None:
        with ReplayEsl() as server:
            error = failure(lambda: list(adapter(server, password="guessed").snapshot()))
        assert (error.problem, error.permanent) == (Problem.CREDENTIALS, True)
        assert "guessed" not in f"{error}{error!r}"

    @pytest.mark.parametrize("password", ["", "a\n\napi shutdown", "a\r"])
    def test_a_password_that_cannot_be_one(self, password: str) -> None:
        with ReplayEsl() as server:
            error = failure(lambda: list(adapter(server, password=password).snapshot()))
        assert (error.problem, error.permanent) == (Problem.CONFIGURATION, True)

    def test_an_address_that_the_acl_refuses(self) -> None:
        with ReplayEsl(greeting=server_bytes("14-acl-rejected")) as server:
            error = failure(lambda: lines(server))
        assert (error.problem, error.permanent) == (Problem.PERMISSION, True)

    @pytest.mark.parametrize("greeting", [b"Content-Type: x\n\n", b"220 mail ready\n\n", b"\x16" * 70_000 + b"\n\n"])
    def test_another_server(self, greeting: bytes) -> None:
        with ReplayEsl(greeting=greeting) as server:
            assert failure(lambda: lines(server)).problem is Problem.GARBAGE

    def test_a_user_of_the_directory(self) -> None:
        with ReplayEsl() as server:
            named = replace(server.endpoint(), user=USER)
            assert len(list(FreeswitchAdapter(named, now=lambda: RECORDED_AT).snapshot())) == 5
            other = replace(named, user="1001@h")
            assert failure(lambda: list(FreeswitchAdapter(other).snapshot())).problem is Problem.CREDENTIALS

    def test_nobody_listens(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        where = Endpoint(f"tcp://127.0.0.1:{port}", HOME, password=PASSWORD)
        assert failure(lambda: FreeswitchAdapter(where).lookup("1")).problem is Problem.REFUSED

    @pytest.mark.parametrize("url", ["http://127.0.0.1", "tcp://", "tcp://h:x", "nonsense"])
    def test_a_url_that_is_none(self, url: str) -> None:
        where = Endpoint(url, HOME, password=PASSWORD)
        error = failure(lambda: FreeswitchAdapter(where).lookup("1"))
        assert (error.problem, error.permanent) == (Problem.CONFIGURATION, True)


class TestCheck:
    def test_a_server_that_is_well(self) -> None:
        with ReplayEsl() as server:
            for source in SOURCES:
                found = adapter(server, source=source).check()
                assert found.ok
                assert (found.version, found.lines) == ("1.11.1-release", 5)
                assert found.capabilities == adapter(server).capabilities
                assert found.clock_skew == pytest.approx(-0.7)

    def test_a_profile_that_does_not_run(self) -> None:
        with ReplayEsl({"sofia xmlstatus profile nosuch": b"Invalid Profile!\n"}) as server:
            found = adapter(server, profile="nosuch").check()
        [(problem, words)] = found.problems
        assert problem is Problem.CONFIGURATION
        assert "running: single, internal" in words
        assert found.capabilities == {Capability.EVENTS}

    @pytest.mark.parametrize(("ahead", "words"), [(6, "5 s ahead of ours"), (-60, "61 s behind ours")])
    def test_a_clock_that_is_wrong(self, ahead: int, words: str) -> None:
        with ReplayEsl({"strepoch": str(int(RECORDED_AT.timestamp()) + ahead).encode()}) as server:
            [(problem, detail)] = adapter(server).check().problems
        assert problem is Problem.CLOCK_SKEW
        assert words in detail

    def test_a_source_that_is_too_dear(self) -> None:
        with ReplayEsl() as server:
            found = adapter(server, source="json", dump_limit="4").check()
        assert [problem for problem, _ in found.problems] == [Problem.TOO_LARGE]
        assert Capability.SNAPSHOT not in found.capabilities

    def test_what_keeps_it_from_asking_at_all(self) -> None:
        with ReplayEsl(greeting=GREETING + GOODBYE) as server:
            assert [problem for problem, _ in adapter(server).check().problems] == [Problem.FAULT]
        with ReplayEsl() as server:
            assert [problem for problem, _ in adapter(server, password="no").check().problems] == [Problem.CREDENTIALS]
            assert [problem for problem, _ in adapter(server, source="?").check().problems] == [Problem.CONFIGURATION]
