"""How fast a server may be asked."""

import time
from collections.abc import Callable


class Pace:
    """At most `rate` calls a second, without making up for what was slower."""

    def __init__(
        self, rate: float, *, clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._interval = 1 / rate
        self._clock = clock
        self._pause = pause
        self._next = clock()
        self.paused = 0.0
        """Seconds that were waited so far."""

    def wait(self, calls: int = 1) -> None:
        """Come back when the next `calls` may be made."""
        now = self._clock()
        if self._next > now:
            self._pause(self._next - now)
            self.paused += self._next - now
        self._next = max(self._next, now) + calls * self._interval
