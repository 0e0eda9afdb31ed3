"""What the lines of a list that went away have in common, in words for its head."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from app.domain.diagnosis import Finding, Kind, Seen, diagnose
from app.domain.sign import Sign, SignKind
from app.i18n import _
from app.presenter import local
from app.store.keys import digest
from app.store.lines import Facts

_KNOWN = frozenset((SignKind.REGISTERED, SignKind.NOT_REGISTERED))


@dataclass(frozen=True, slots=True)
class News:
    """One sentence for each thing that several lines have in common."""

    sentences: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """What the browser says that it shows."""
        return digest("".join(self.sentences))[:6] if self.sentences else ""


NO_NEWS = News()


def news(judged: Iterable[tuple[Facts, Sign]], now: datetime) -> News:
    """What the lines that went away have in common."""
    seen: list[Seen] = []
    restarts: dict[int, datetime] = {}
    for fact, sign in judged:
        server_id = fact.line.server_id
        if server_id is None or sign.kind not in _KNOWN:
            continue
        standing = fact.standing()
        cause = standing.cause if standing else None
        seen.append(Seen(server_id, sign.kind is SignKind.REGISTERED, sign.since, cause))
        if fact.server.restarted_at is not None:
            restarts[server_id] = fact.server.restarted_at
    return News(tuple(_words(finding, now) for finding in diagnose(seen, restarts, now)))


def _words(finding: Finding, now: datetime) -> str:
    at, until = minute(finding.at, now), minute(finding.until, now)
    if finding.kind is Kind.RESTARTED:
        return _(
            "サーバーが%(at)sに再起動しました。電話機は登録間隔のうちに戻ります(戻っていない電話機: %(count)d台)。",
            at=at,
            count=finding.count,
        )
    span = at if at == until else _("%(at)sから%(until)sまで", at=at, until=until)
    if finding.kind is Kind.ALL_GONE:
        return _(
            "電話機%(count)d台すべてが登録されていません(%(span)sに切れました)。設置場所の回線の障害と考えられます。",
            count=finding.count,
            span=span,
        )
    return _(
        "電話機%(of)d台のうち%(count)d台が、ほぼ同時に切れました(%(span)s)。設置場所の回線の障害と考えられます。",
        of=finding.of,
        count=finding.count,
        span=span,
    )


def minute(moment: datetime, now: datetime) -> str:
    """hh:mm, with the date when it is another day."""
    here, today = local(moment), local(now)
    return f"{here:%H:%M}" if here.date() == today.date() else f"{here:%Y-%m-%d %H:%M}"
