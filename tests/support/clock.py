"""A clock that stands still until a test moves it."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Call it for the time. It starts now: what libraries sign or let expire by the real clock stays coherent.

    It starts at a whole second, since what is stored keeps milliseconds only.
    """

    def __init__(self) -> None:
        self.now = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> datetime:
        """Move on, and return the new time."""
        self.now += timedelta(seconds=seconds)
        return self.now
