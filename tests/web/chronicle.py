"""What workers wrote about the customers' lines, as a test wants it."""

from datetime import datetime, timedelta

from sqlalchemy import insert, text
from sqlalchemy.orm import Session

from app.domain.changes import LineState
from app.domain.standing import Cause
from app.models import Coverage, CoverageCause, LineChange, Unique
from tests.support.clock import Clock
from tests.support.customers import LIVE_HOST, Customers


class Chronicle:
    """Writes history, in hours before now."""

    def __init__(self, session: Session, customers: Customers, clock: Clock) -> None:
        self._session, self._customers, self._clock = session, customers, clock

    def at(self, hours: float) -> datetime:
        return self._clock() - timedelta(hours=hours)

    def change(
        self, line: str, hours: float, after: LineState, before: LineState | None = None, **more: object
    ) -> None:
        values: dict[str, object] = {
            "circle_id": self._customers.circles["tokyo"],
            "source": "192.0.2.10:5060",
            "user_agent": "Yealink SIP-T46S",
            "cause": Cause.REGISTERED if after is LineState.REGISTERED else Cause.EXPIRED,
        }
        self._session.add(
            LineChange(
                unique_id=self._customers.uniques[line], at=self.at(hours), before=before, after=after, **values | more
            )
        )
        self._session.commit()

    def crowd(self, lines: int, each: int) -> None:
        """Changes of so many lines of another customer's within sixty days; and the database's idea of how many."""
        circle, server = self._customers.circles["stranger"], self._customers.servers[LIVE_HOST]
        numbers = [f"0904{index:07}" for index in range(lines)]
        known = {"circle_id": circle, "server_id": server, "type_code": "sip_phone"}
        ids = self._session.scalars(
            insert(Unique).returning(Unique.id), [known | {"number": number, "aor": number} for number in numbers]
        ).all()
        rows = [
            {
                "unique_id": line,
                "circle_id": circle,
                "at": self.at(24 * 60 * (index + line / lines / 9) / each),
                "after": LineState.NOT_REGISTERED if index % 2 else LineState.REGISTERED,
                "cause": Cause.REGISTERED,
            }
            for line in ids
            for index in range(each)
        ]
        self._session.execute(insert(LineChange), rows)
        self._session.execute(text("ANALYZE"))
        self._session.commit()

    def heard(
        self, *spans: tuple[float, float], host: str = LIVE_HOST, cause: CoverageCause = CoverageCause.NO_ANSWER
    ) -> None:
        for since, until in spans:
            self._session.add(
                Coverage(
                    server_id=self._customers.servers[host], since=self.at(since), until=self.at(until), cause=cause
                )
            )
        self._session.commit()
