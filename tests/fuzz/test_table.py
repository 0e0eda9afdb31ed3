"""The table is whole: no recording is forgotten, and each case is what it says."""

import re
from collections import Counter

from tests.fuzz.case import PAYLOADS
from tests.fuzz.table import FAMILIES, UNREAD, cases, recordings, unread
from workers.sip.registry import FAMILIES as SPOKEN

READ = {path for family in FAMILIES for case in cases(family) for path in (case.recording, *case.also)}


def test_every_family_is_fuzzed() -> None:
    assert FAMILIES.keys() == SPOKEN.keys()


def test_every_recording_is_read_by_a_parser_or_named_with_a_reason() -> None:
    forgotten = [path for path in recordings() if path not in READ and unread(path) is None]
    assert not forgotten
    assert len(recordings()) > 400


def test_what_no_parser_reads_is_there_and_is_not_read() -> None:
    for pattern in UNREAD:
        assert any(re.fullmatch(pattern, path) for path in recordings()), pattern
    assert not [path for path in READ if unread(path)]


def test_what_is_read_was_recorded_or_is_said_to_be_written() -> None:
    assert [path for path in READ if not (PAYLOADS / path).is_file()] == ["written: docs/kamailio/tsunagari.cfg"]


def test_no_case_stands_twice_or_reads_nothing() -> None:
    names = Counter(case.name for family in FAMILIES for case in cases(family))
    assert set(names.values()) == {1}
    assert all(case.samples for family in FAMILIES for case in cases(family))


def test_lists_of_every_family_are_mutated_record_by_record() -> None:
    for family, parsers in {
        "kamailio": {"dump", "mirror", "failures", "location rows", "location copy", "evapi"},
        "opensips": {"dump", "location rows"},
        "asterisk": {"listing", "endpoint", "items", "events"},
        "freeswitch": {"profile", "core", "xml", "events"},
    }.items():
        assert {case.parser for case in cases(family) if case.records} == parsers
