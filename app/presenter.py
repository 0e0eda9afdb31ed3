"""What a person sees of signs, times and bindings. The page and the poll both call this, so they show the same."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from flask import Flask

from app.domain.changes import LineState
from app.domain.failure import Failures
from app.domain.history import Period, Stood, Why
from app.domain.registration import Registration
from app.domain.sign import NOT_ASKED, Sign, SignKind, Source, age_words
from app.domain.standing import Cause
from app.i18n import _, _l, language, ngettext
from app.services import services
from app.store.abilities import Abilities
from app.store.keys import digest
from app.store.lines import Facts, Line

SYMBOLS: Final = {
    SignKind.REGISTERED: "✓",
    SignKind.NOT_REGISTERED: "✗",
    SignKind.ASK: "?",
    SignKind.NO_STATUS: "—",
    SignKind.UNKNOWN: "!",
    SignKind.CHECKING: "…",
    SignKind.CHECK_FAILED: "?",
}
WORDS: Final = {
    SignKind.REGISTERED: _l("登録"),
    SignKind.NOT_REGISTERED: _l("未登録"),
    SignKind.ASK: _l("確認する"),
    SignKind.NO_STATUS: _l("対象外"),
    SignKind.UNKNOWN: _l("不明"),
    SignKind.CHECKING: _l("確認中"),
    SignKind.CHECK_FAILED: _l("再確認"),
}
MEANINGS: Final = {
    SignKind.REGISTERED: _l("該当のユニーク(回線)はレジストされています"),
    SignKind.NOT_REGISTERED: _l("該当のユニーク(回線)はレジストされていません"),
    SignKind.ASK: _l("該当のユニーク(回線)の状態はアイコンをクリックすることで表示されます"),
    SignKind.NO_STATUS: _l("該当のユニーク(回線)タイプは状態表示に対応していません"),
    SignKind.UNKNOWN: _l("サーバーから応答がないため、現在の状態を確認できません。電話機の状態とは限りません"),
    SignKind.CHECKING: _l("サーバーに問い合わせています"),
    SignKind.CHECK_FAILED: _l("サーバーに問い合わせましたが、状態を確認できませんでした。もう一度お試しください"),
}
NOT_ASKED_MEANS: Final = _l(
    "ポータルの取得処理が動いていないため、現在の状態を確認できません。電話機の状態とは限りません"
)
SOURCES: Final = {
    Source.SNAPSHOT: _l("定期取得"),
    Source.LOOKUP: _l("問い合わせ"),
    Source.EVENT: _l("サーバーからの通知"),
}
CAUSES: Final = {
    Cause.REGISTERED: _l("登録されました"),
    Cause.UNREGISTERED: _l("登録が解除されました"),
    Cause.EXPIRED: _l("登録の期限が切れました"),
    Cause.RESTARTED: _l("サーバーが再起動しました"),
    Cause.UNREADABLE: _l("サーバーの応答を読み取れませんでした"),
    Cause.UNOBSERVED: _l("確認できない間に変わりました"),
}
STOOD: Final = {
    LineState.REGISTERED: Stood.REGISTERED,
    LineState.NOT_REGISTERED: Stood.NOT_REGISTERED,
    LineState.UNREADABLE: Stood.UNKNOWN,
}
"""What people are told of a line's state in its history: the words are those of the sign."""
WHY: Final = {
    Why.UNRECORDED: _l("記録がありません"),
    Why.NO_ANSWER: _l("サーバーから応答がありませんでした"),
    Why.NOT_ASKED: _l("ポータルの取得処理が動いていませんでした"),
    Why.UNREADABLE: _l("サーバーの応答を読み取れませんでした"),
}
PERIODS: Final = {Period.DAY: _l("24時間"), Period.WEEK: _l("7日間"), Period.MONTH: _l("30日間")}
PROBLEMS: Final = {
    "timeout": _l("応答がありません"),
    "store": _l("受け付けられません"),
    "limited": _l("操作が多すぎます"),
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One status cell, ready for its template."""

    unique_id: int
    number: str
    sign: Sign
    symbol: str
    word: str
    meaning: str
    remark: str
    """As of when, or why not; empty where there is nothing to add."""
    digest: str
    """Of everything in the cell, its first character the kind: what the browser says that it shows."""

    @property
    def asks(self) -> bool:
        """Whether a click asks the server."""
        return self.sign.kind in (SignKind.ASK, SignKind.CHECK_FAILED)

    @property
    def css(self) -> str:
        """The class that gives the sign its shape and colour."""
        return self.sign.kind.value.replace("_", "-")


def cell_of(unique_id: int, number: str, sign: Sign, now: datetime) -> Cell:
    """The status cell that shows a sign."""
    return _cell(unique_id, number, sign, _said(sign, _remark(sign, now)))


@dataclass(frozen=True, slots=True)
class _Said:
    """The words of a sign."""

    word: str
    meaning: str
    remark: str
    digest: str


def _said(sign: Sign, remark: str) -> _Said:
    meaning = str(NOT_ASKED_MEANS if sign.problem == NOT_ASKED else MEANINGS[sign.kind])
    fingerprint = digest(f"{sign.kind.value}|{remark}|{meaning}")[:6]
    return _Said(str(WORDS[sign.kind]), meaning, remark, f"{_KIND_CODES[sign.kind]}{fingerprint}")


def _cell(unique_id: int, number: str, sign: Sign, said: _Said) -> Cell:
    symbol = SYMBOLS[sign.kind]
    return Cell(unique_id, number, sign, symbol, said.word, said.meaning, said.remark, said.digest)


_KIND_CODES: Final = {kind: chr(ord("a") + index) for index, kind in enumerate(SignKind)}


def cells(lines: Sequence[Line], numbers: Sequence[str], facts: Mapping[int, Facts], now: datetime) -> list[Cell]:
    """The status cells of some lines, in their order."""
    # Most signs of a page say the same: their words are put together once.
    words: dict[tuple[SignKind, str | None, str], _Said] = {}
    found = []
    for line, number in zip(lines, numbers, strict=True):
        sign = facts[line.unique_id].sign(now)
        remark = _remark(sign, now)
        key = (sign.kind, sign.problem, remark)
        said = words.get(key)
        if said is None:
            said = words[key] = _said(sign, remark)
        found.append(_cell(line.unique_id, number, sign, said))
    return found


def _remark(sign: Sign, now: datetime) -> str:
    if sign.kind is SignKind.UNKNOWN:
        if sign.as_of is None:
            return _("確認できません") if sign.problem == NOT_ASKED else _("応答なし")
        return _("最終確認 %(clock)s(%(age)s)", clock=clock(sign.as_of, now), age=age(now - sign.as_of))
    if sign.kind is SignKind.CHECK_FAILED:
        return str(PROBLEMS.get(sign.problem or "", _("確認できません")))
    words = [_("%(clock)s 時点", clock=clock(sign.as_of, now))] if sign.stale and sign.as_of is not None else []
    return "、".join([*words, *([_("⇅ 不安定")] if sign.unsteady else [])])


def age(elapsed: timedelta) -> str:
    """How long ago, in the coarse steps that the sign's rules use."""
    words = age_words(elapsed)
    count = int(words[:-1])
    if count == 0:
        return _("1分以内")
    if words.endswith("m"):
        return ngettext("%(num)d分前", "%(num)d分前", count)
    if words.endswith("h"):
        return ngettext("%(num)d時間前", "%(num)d時間前", count)
    return ngettext("%(num)d日前", "%(num)d日前", count)


def local(moment: datetime) -> datetime:
    """A time as people here read it off their clocks."""
    return moment.astimezone(services().timezone)


def clock(moment: datetime, now: datetime) -> str:
    """hh:mm:ss, with the date when it is another day."""
    here, today = local(moment), local(now)
    return f"{here:%H:%M:%S}" if here.date() == today.date() else f"{here:%Y-%m-%d %H:%M:%S}"


def stamp(moment: datetime) -> str:
    """Date, time and the zone's name."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S %Z}"


def second(moment: datetime) -> str:
    """Date and time, where the zone stands beside it."""
    return f"{local(moment):%Y-%m-%d %H:%M:%S}"


def day(moment: datetime) -> str:
    """The date alone."""
    return f"{local(moment):%Y/%m/%d}"


def zone() -> str:
    """The short name of the zone that the page's times are in."""
    return f"{local(services().clock()):%Z}"


def time_left(expires_at: datetime | None, now: datetime) -> str:
    """How long a binding still holds."""
    if expires_at is None:
        return _("期限なし")
    seconds = int((expires_at - now).total_seconds())
    if seconds <= 0:
        return _("期限切れ")
    if seconds < 60:
        return ngettext("あと%(num)d秒", "あと%(num)d秒", seconds)
    if seconds < 3600:
        return ngettext("あと%(num)d分", "あと%(num)d分", seconds // 60)
    return ngettext("あと%(num)d時間", "あと%(num)d時間", seconds // 3600)


def length(elapsed: timedelta) -> str:
    """How long something lasted, in its two largest units."""
    minutes, seconds = divmod(int(elapsed.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours >= 48:
        days, hours = divmod(hours, 24)
        return _("%(days)d日%(hours)d時間", days=days, hours=hours)
    if hours:
        return _("%(hours)d時間%(minutes)d分", hours=hours, minutes=minutes)
    if minutes:
        return _("%(minutes)d分%(seconds)d秒", minutes=minutes, seconds=seconds)
    return _("%(seconds)d秒", seconds=seconds) if seconds else _("1秒未満")


def detail_digest(shown: Cell, registration: Registration, failures: Failures | None, able: Abilities) -> str:
    """Of everything in an open detail that does not merely age."""
    rows = [
        (contact.uri, contact.source, contact.transport, contact.user_agent, contact.since, contact.expires_at)
        for contact in registration.contacts
    ]
    return digest(f"{shown.digest}{rows}{failures}{able}")[:12]


def register_filters(app: Flask) -> None:
    """Give the templates these words."""
    app.add_template_filter(stamp)
    app.add_template_filter(day)
    app.add_template_filter(second)
    app.add_template_filter(clock)
    app.add_template_filter(time_left)
    app.add_template_filter(length, "length_words")
    app.add_template_global(zone)
    app.add_template_global(language)
    app.add_template_global(SYMBOLS, "SYMBOLS")  # type: ignore[arg-type] # a value is as good as a function here
    app.add_template_global(WORDS, "WORDS")  # type: ignore[arg-type] # the same
    app.add_template_global(SOURCES, "SOURCES")  # type: ignore[arg-type] # the same
    app.add_template_global(CAUSES, "CAUSES")  # type: ignore[arg-type] # the same
    app.add_template_global(WHY, "WHY")  # type: ignore[arg-type] # the same
    app.add_template_global(PERIODS, "PERIODS")  # type: ignore[arg-type] # the same
    app.add_template_global(MEANINGS, "MEANINGS")  # type: ignore[arg-type] # the same
