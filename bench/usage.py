"""How much of the machine some processes take."""

import os
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(processes: Iterable[int]) -> float:
    """Seconds that the cores have worked for some processes, to a hundredth."""
    return sum(map(_cpu, processes))


def _cpu(process: int) -> float:
    # The name, in brackets, may hold anything.
    words = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(words[11]) + int(words[12])) / _TICKS


class Meter:
    """Reads several clocks of CPU time when it is made, and tells what was added since."""

    def __init__(self, clocks: Mapping[str, Callable[[], float]]) -> None:
        self._clocks = clocks
        self._before = {name: clock() for name, clock in clocks.items()}
        self._began = time.monotonic()

    def seconds(self) -> dict[str, float]:
        """CPU seconds by name."""
        return {name: clock() - self._before[name] for name, clock in self._clocks.items()}

    def shares(self) -> dict[str, float]:
        """The same as a part of one core, since the beginning."""
        passed = time.monotonic() - self._began
        return {name: spent / passed for name, spent in self.seconds().items()}
