"""Which of FreeSWITCH's tables is read, and how: the commands, and what makes an answer believed."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from workers.sip.base import Endpoint, Problem, SipError
from workers.sip.freeswitch.answers import believed, core_count, profile_count, running_profiles, whole_number
from workers.sip.freeswitch.esl import Esl
from workers.sip.freeswitch.parse import delimited_table, json_table, profile_table, rows_beside, xml_table
from workers.sip.freeswitch.rows import Binding, Clock, Table

CORE_COMMANDS = {
    "core": ("show registrations as delim \\t", delimited_table),
    "json": ("show registrations as json", json_table),
    "xml": ("show registrations as xml", xml_table),
}
"""How each source that reads the core's table asks, and how its answer is read."""
QUADRATIC = frozenset(("json", "xml"))
"""The sources whose cost for the server grows with the square of the rows."""

_PROFILE_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]*")
# A profile that replaces rows lacks a refreshing phone for a moment; more than so many lines are no such moments.
_MOMENTS = 50


@dataclass(frozen=True, slots=True)
class Settings:
    """The options of an endpoint of this family."""

    home: str
    source: str
    """profile, core, json or xml."""
    profile: str
    expires_margin: int
    """The profile's sip-expires-late-margin, in seconds."""
    dump_limit: int
    """Rows above which `json` and `xml` are refused."""

    @classmethod
    def of(cls, endpoint: Endpoint) -> "Settings":
        """Raises SipError(CONFIGURATION) for an option that makes no sense."""
        options = endpoint.options
        settings = cls(
            home=endpoint.hostname,
            source=options.get("source", "profile"),
            profile=options.get("profile", "internal"),
            expires_margin=_whole(options, "expires_margin", 60),
            dump_limit=_whole(options, "dump_limit", 5000),
        )
        if settings.source != "profile" and settings.source not in CORE_COMMANDS:
            raise _unfit("source", "profile, core, json or xml")
        if not _PROFILE_NAME.fullmatch(settings.profile):
            raise _unfit("profile", "the name of a sofia profile")
        return settings


@dataclass(frozen=True, slots=True)
class Reading:
    """A table, and what was learnt with it."""

    table: Table
    clock: Clock
    uptime: float | None


def read(esl: Esl, settings: Settings, now: Callable[[], datetime]) -> Reading:
    """The whole table of the chosen source.

    Raises SipError: TOO_LARGE where a quadratic source would cost the server too much, TRUNCATED where rows are
    missing, and what the parsers raise.
    """
    if settings.source == "profile":
        return _read_profile(esl, settings, now)
    return _read_core(esl, settings, now)


def find(esl: Esl, settings: Settings, key: str, now: Callable[[], datetime]) -> list[Binding]:
    """The bindings of one line, expired ones included.

    Whatever the source, the profiles' tables are asked: they change before the phone has its answer, the core's after.
    """
    user, at, domain = key.rpartition("@")
    user, domain = (user, domain) if at else (key, settings.home)
    profiles = _profiles(esl, settings)
    asked_at = now()
    time, *answers = esl.ask("strepoch", *(f"{profile} user {user}@{domain}" for profile in profiles))
    clock = Clock(asked_at, whole_number(time), settings.expires_margin)
    tables = [profile_table(answer, clock, settings.home) for answer in answers]
    if found := _of_line(tables, key):
        return found
    if any(table.broken for table in tables):
        raise SipError(Problem.GARBAGE, "the line's registration cannot be read")
    # The server compares letter by letter, and a phone may have written user or domain with other capitals.
    wider = "reg" if user.lower() != user.upper() else f"user {user}@"
    answers = esl.ask(*(f"{profile} {wider}" for profile in profiles))
    return _of_line([profile_table(answer, clock, settings.home) for answer in answers], key)


def profile_command(profile: str) -> str:
    """The command that shows a profile's state, and the beginning of those that list its table."""
    return f"sofia xmlstatus profile {profile}"


def _read_profile(esl: Esl, settings: Settings, now: Callable[[], datetime]) -> Reading:
    state = profile_command(settings.profile)
    asked_at = now()
    time, uptime, before, listed, after, core = esl.ask(
        "strepoch", "uptime s", state, f"{state} reg", state, CORE_COMMANDS["core"][0]
    )
    clock = Clock(asked_at, whole_number(time), settings.expires_margin)
    table = profile_table(listed, clock, settings.home)
    _refuse_short(table.rows, (before, after))
    table.bindings.extend(_in_a_moment(esl, settings, table, core, clock))
    return Reading(table, clock, whole_number(uptime))


def _read_core(esl: Esl, settings: Settings, now: Callable[[], datetime]) -> Reading:
    command, parse = CORE_COMMANDS[settings.source]
    if settings.source in QUADRATIC:
        [counted] = esl.ask("show registrations count")
        if (rows := core_count(counted)) > settings.dump_limit:
            detail = f"{rows} registrations are too many for the source {settings.source}: choose profile or core"
            raise SipError(Problem.TOO_LARGE, detail, permanent=True)
    asked_at = now()
    time, uptime, listed = esl.ask("strepoch", "uptime s", command)
    clock = Clock(asked_at, whole_number(time), settings.expires_margin)
    return Reading(parse(listed, clock, settings.home), clock, whole_number(uptime))


def _refuse_short(rows: int, states: Iterable[bytes]) -> None:
    """Compare what came with what the profile announced just before and just after.

    The list announces nothing itself. A phone or two may be between two rows of theirs at any moment.
    """
    try:
        announced = min(profile_count(state) for state in states)
    except SipError:
        return
    if rows < announced - max(1, announced // 100):
        raise SipError(Problem.TRUNCATED, f"{rows} of {announced} registrations came")


def _in_a_moment(esl: Esl, settings: Settings, table: Table, core: bytes, clock: Clock) -> list[Binding]:
    """The bindings of lines that only the core's table has, if the profile has them when it is asked once more.

    A phone that refreshes may be missing from the profile's table for a moment; a row of the core's alone is not
    believed, since those outlive their phones.
    """
    known = {binding.stored.encode() for binding in table.bindings}
    try:
        others = rows_beside(core, known, clock, settings.home)
    except SipError:
        return []
    missing = {
        other.stored for other in others if other.profile == settings.profile and other.contact.current(clock.asked_at)
    }
    lines = sorted(line for line in missing if line.isprintable() and " " not in line)
    if not lines or len(lines) > _MOMENTS:
        return []
    esl.begin()
    answers = esl.ask(*(f"{profile_command(settings.profile)} user {line}" for line in lines))
    return [binding for answer in answers for binding in profile_table(answer, clock, settings.home).bindings]


def _profiles(esl: Esl, settings: Settings) -> list[str]:
    """The commands for the profiles that the source covers."""
    if settings.source == "profile":
        return [profile_command(settings.profile)]
    [listed] = esl.ask("sofia xmlstatus")
    names = [name for name in running_profiles(believed(listed)) if _PROFILE_NAME.fullmatch(name)]
    if not names:
        raise SipError(Problem.CONFIGURATION, "no sofia profile is running")
    return [profile_command(name) for name in names]


def _of_line(tables: Iterable[Table], key: str) -> list[Binding]:
    return [binding for table in tables for binding in table.bindings if binding.aor == key]


def _whole(options: dict[str, str], name: str, default: int) -> int:
    value = options.get(name, str(default))
    if not (value.isascii() and value.isdigit() and len(value) <= len("999999999")):
        raise _unfit(name, "a whole number")
    return int(value)


def _unfit(name: str, wanted: str) -> SipError:
    return SipError(Problem.CONFIGURATION, f"the option {name} must be {wanted}", permanent=True)
