"""Snapshots and look-ups over a real connection to a replayed FreeSWITCH."""

from dataclasses import replace
from datetime import timedelta

import pytest

from app.domain.registration import Registration
from tests.support.replay_esl import (
    CORE,
    FIVE,
    HOME,
    LIST,
    RECORDED_AT,
    STATE,
    USER_OF,
    Answer,
    ReplayEsl,
    exchanges,
    packed,
    recorded_answers,
    state,
    tabbed,
)
from tests.support.replay_stream import Manner
from tests.workers.sip.freeswitch.asking import NOTHING, SOURCES, adapter, failure, lines, only
from workers.sip.base import Capability, Problem
from workers.sip.freeswitch.client import FreeswitchAdapter


class TestSnapshot:
    @pytest.mark.parametrize("source", SOURCES)
    def test_every_source_lists_the_lines(self, source: str) -> None:
        with ReplayEsl() as server:
            assert sorted(lines(server, source=source)) == ["1001", "1002", "1003", "1004", "1005"]

    def test_the_report(self) -> None:
        with ReplayEsl() as server:
            pull = adapter(server).snapshot()
            assert len(list(pull)) == 5
        assert (pull.report.taken_at, pull.report.broken, pull.report.uptime) == (RECORDED_AT, 0, 4)
        assert pull.report.clock_skew == pytest.approx(-0.7)

    def test_only_the_profile_tells_user_agents(self) -> None:
        with ReplayEsl() as server:
            told = {source: lines(server, source=source)["1001"].contacts[0] for source in SOURCES}
        assert told["profile"].user_agent == "Yealink SIP-T46S 66.86.0.15"
        assert {told[source] for source in SOURCES[1:]} == {replace(told["profile"], user_agent=None)}

    def test_a_phone_that_has_gone_silent_is_not_registered(self) -> None:
        later = RECORDED_AT + timedelta(seconds=119)
        with ReplayEsl({"strepoch": str(int(later.timestamp())).encode()}) as server:
            pull = adapter(server, now=later, source="core").snapshot()
            assert sorted(line.aor for line in pull) == ["1001", "1002", "1003", "1004"]

    def test_a_profile_with_another_margin(self) -> None:
        with ReplayEsl() as server:
            usual, other = (lines(server, expires_margin=margin)["1001"].contacts[0] for margin in ("60", "0"))
        assert usual.expires_at is not None
        assert other.expires_at == usual.expires_at + timedelta(seconds=60)

    def test_another_profile(self) -> None:
        with ReplayEsl({"sofia xmlstatus profile single reg": NOTHING[LIST]}) as server:
            assert lines(server, profile="single") == {}

    def test_nobody(self) -> None:
        empty: dict[str, Answer] = {LIST: NOTHING[LIST], STATE: NOTHING[STATE], CORE: NOTHING["show registrations"]}
        with ReplayEsl(empty) as server:
            assert [lines(server, source=source) for source in SOURCES[:2]] == [{}, {}]

    def test_a_thousand(self) -> None:
        listed = packed("1000-sofia_xmlstatus_profile_internal_reg")
        core = tabbed(packed("1000-show_registrations"))
        with ReplayEsl({LIST: listed, STATE: state(1000), CORE: core}, manner=Manner(piece=9973)) as server:
            assert len(lines(server)) == 1000

    @pytest.mark.parametrize("source", ["json", "xml"])
    def test_a_quadratic_source_is_refused_above_its_limit(self, source: str) -> None:
        with ReplayEsl() as server:
            refusal = failure(lambda: lines(server, source=source, dump_limit="4"))
            assert (refusal.problem, refusal.permanent) == (Problem.TOO_LARGE, True)
            assert server.asked == ["show registrations count"]
            assert len(lines(server, source=source, dump_limit="5")) == 5

    @pytest.mark.parametrize(
        ("source", "bad"), [("profile", LIST), ("core", CORE), ("json", "show registrations as json")]
    )
    @pytest.mark.parametrize(
        ("answer", "problem"),
        [
            (b"Invalid Profile!\n", Problem.CONFIGURATION),
            (b"-ERR sofia Command not found!\n", Problem.COMMAND_MISSING),
            (b"-ERR no reply\n", Problem.FAULT),
        ],
    )
    def test_a_refusal(self, source: str, bad: str, answer: bytes, problem: Problem) -> None:
        with ReplayEsl({bad: answer}) as server:
            assert failure(lambda: lines(server, source=source)).problem is problem

    @pytest.mark.parametrize(
        "options",
        [{"source": "csv"}, {"profile": "a b"}, {"profile": ""}, {"expires_margin": "-1"}, {"dump_limit": "many"}],
    )
    def test_an_option_that_makes_no_sense(self, options: dict[str, str]) -> None:
        with ReplayEsl() as server:
            for act in (
                lambda: lines(server, **options),
                lambda: FreeswitchAdapter(server.endpoint(options)).lookup("1001"),
            ):
                refusal = failure(act)
                assert (refusal.problem, refusal.permanent) == (Problem.CONFIGURATION, True)
            assert server.asked == []


class TestCounting:
    def test_a_list_shorter_than_the_profile_says_is_not_believed(self) -> None:
        for short in (NOTHING[LIST], only("1001", "1002")):
            with ReplayEsl({LIST: short}) as server:
                assert failure(lambda: lines(server)).problem is Problem.TRUNCATED

    def test_a_phone_that_refreshes_at_this_moment_is_asked_for_once_more(self) -> None:
        with ReplayEsl({LIST: only("1001", "1002", "1003", "1005")}) as server:
            server.answers[f"{USER_OF}1004@{HOME}"] = only("1004")
            assert sorted(lines(server)) == ["1001", "1002", "1003", "1004", "1005"]

    def test_a_row_that_only_the_core_has_outlived_its_phone(self) -> None:
        with ReplayEsl({LIST: only("1001", "1002", "1003", "1005")}) as server:
            server.answers[f"{USER_OF}1004@{HOME}"] = NOTHING[LIST]
            assert "1004" not in lines(server)

    def test_rows_of_another_profile_are_not_asked_for(self) -> None:
        core = tabbed(dict(exchanges(FIVE))["show registrations"]).replace(b"sofia/internal/", b"sofia/other/")
        with ReplayEsl({LIST: only("1001", "1002", "1003", "1005"), CORE: core}) as server:
            assert "1004" not in lines(server)
            assert f"{USER_OF}1004@{HOME}" not in server.asked

    def test_the_profile_stands_where_the_core_cannot_be_read(self) -> None:
        for odd in (b"-ERR no reply\n", b""):
            with ReplayEsl({CORE: odd, STATE: b"-ERR no reply\n", "strepoch": odd, "uptime s": odd}) as server:
                assert len(lines(server)) == 5


class TestLookup:
    @pytest.mark.parametrize("source", SOURCES)
    def test_a_line(self, source: str) -> None:
        with ReplayEsl() as server:
            found = adapter(server, source=source).lookup("1001")
            assert found.asked_at == RECORDED_AT
            assert found.registration == lines(server)["1001"]

    def test_the_cores_source_finds_phones_of_every_running_profile(self) -> None:
        other = "sofia xmlstatus profile single reg"
        with ReplayEsl({LIST: only("1001"), other: only("1002")}) as server:
            found = [adapter(server, source="core").lookup(aor).registration.contacts for aor in ("1001", "1002")]
            assert [len(contacts) for contacts in found] == [1, 1]
            assert adapter(server).lookup("1002").registration.contacts == ()

    @pytest.mark.parametrize("listed", [b"-ERR sofia Command not found!\n", b"<profiles>\n</profiles>\n"])
    def test_without_a_running_profile_nobody_is_called_unregistered(self, listed: bytes) -> None:
        with ReplayEsl({"sofia xmlstatus": listed}) as server:
            problem = failure(lambda: adapter(server, source="core").lookup("1001")).problem
            assert problem in (Problem.COMMAND_MISSING, Problem.CONFIGURATION)
            found = adapter(server, source="core").check()
        assert [problem for problem, _ in found.problems] == [Problem.CONFIGURATION]
        assert Capability.LOOKUP not in found.capabilities

    @pytest.mark.parametrize("source", ["profile", "core"])
    def test_nobody_is_an_answer(self, source: str) -> None:
        with ReplayEsl() as server:
            assert adapter(server, source=source).lookup("1009").registration == Registration("1009")

    def test_a_line_of_another_domain(self) -> None:
        with ReplayEsl(recorded_answers("03-two-tenants-same-extension")) as server:
            here, there = (adapter(server).lookup(aor).registration for aor in ("1001", "1001@pbx2.example.net"))
        assert (here.aor, there.aor) == ("1001", "1001@pbx2.example.net")
        assert len(here.contacts) == len(there.contacts) == 1
        assert here.contacts != there.contacts

    def test_a_phone_that_wrote_other_capitals_is_found(self) -> None:
        written = only("1004").replace(b"<user>1004@sip3.", b"<user>1004@SIP3.")
        named = only("1004").replace(b"<user>1004@", b"<user>Alice@")
        for key, listed in (("1004", written), ("alice", named)):
            with ReplayEsl({LIST: listed}) as server:
                assert len(adapter(server).lookup(key).registration.contacts) == 1

    def test_a_line_whose_record_cannot_be_read_is_not_called_unregistered(self) -> None:
        with ReplayEsl({f"{USER_OF}1001@{HOME}": only("1001").replace(b"expsecs", b"later")}) as server:
            assert failure(lambda: adapter(server).lookup("1001")).problem is Problem.GARBAGE

    @pytest.mark.parametrize("aor", ["", "a\nb", "@", "1001\n\napi shutdown@h", "1001@h\n\napi shutdown", "1001@\x7f"])
    def test_nothing_but_the_question_reaches_the_server(self, aor: str) -> None:
        with ReplayEsl() as server:
            assert failure(lambda: adapter(server).lookup(aor)).problem is Problem.CONFIGURATION
            assert server.asked == []


class TestWhatItCannot:
    def test_it_says_so(self) -> None:
        with ReplayEsl() as server:
            able = adapter(server)
            assert able.capabilities == {Capability.SNAPSHOT, Capability.LOOKUP, Capability.EVENTS}
            for act in (lambda: able.auth_failures(RECORDED_AT), lambda: able.set_password("1001", "new")):
                error = failure(act)
                assert (error.problem, error.permanent) == (Problem.UNSUPPORTED, True)
