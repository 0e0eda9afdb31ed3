"""From a line's standing to an answer as the rules of the sign want it."""

from datetime import datetime

from app.domain.changes import LineState, unsteady_until
from app.domain.sign import Answer, Source
from app.domain.standing import Standing
from app.store.codec import moment


def answer_of(standing: Standing, at: datetime, source: Source) -> Answer | None:
    """What a server said of a line at `at`; None where nobody could read it."""
    if standing.state is LineState.UNREADABLE:
        return None
    return Answer(
        standing.state is LineState.REGISTERED,
        at,
        source,
        since=moment(standing.changes[0]) if standing.changes else None,
        unsteady_until=moment(unsteady_until(standing.changes)),
    )
