"""Whether a line that is away is alone in that: the first thing that a person on the phone is asked."""

from datetime import datetime

from sqlalchemy.orm import Session

from app.domain.diagnosis import RETURN
from app.domain.standing import Cause
from app.i18n import _, ngettext
from app.lists import circles
from app.models import Unique
from app.news import minute
from app.reach import reach
from app.store import places
from app.store.lines import Facts


def company(session: Session, row: Unique, facts: Facts, now: datetime) -> str:
    """One sentence about the other phones of the circle at the same server; empty where nothing is known."""
    standing, restarted_at = facts.standing(), facts.server.restarted_at
    if standing and standing.cause is Cause.RESTARTED and restarted_at and now - restarted_at <= RETURN:
        return _(
            "サーバーが%(at)sに再起動しました。電話機が次に登録するまでお待ちください。", at=minute(restarted_at, now)
        )
    others = _registered(row)
    if others:
        return ngettext(
            "同じサークルのほかの電話機%(num)d台は登録されています。この電話機だけの問題と考えられます。",
            "同じサークルのほかの電話機%(num)d台は登録されています。この電話機だけの問題と考えられます。",
            others,
        )
    lines = sum(count for _circle, server_id, count in circles.live_lines(session, [row.circle_id]) if server_id)
    if others == 0 and lines > 1:
        return _("同じサークルの電話機は1台も登録されていません。設置場所の回線を確認してください。")
    return ""


def _registered(row: Unique) -> int | None:
    """How many live lines of the circle are registered at the line's server; None where nobody knows."""
    server_id = row.server_id
    if server_id is None:
        return None
    found = reach(lambda redis: places.read(redis, {server_id: [row.circle_id]})[server_id].circles, None)
    return found[row.circle_id].registered if found else None
