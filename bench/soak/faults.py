"""Faults of every neighbour, one at a time, in an order that dice decide."""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial

from tests.support.breakable import FaultStack, Site
from tests.support.breaks import full, gone, locked, no_child, slow, stopped
from tests.support.proxy import PASS, Mode

Break = Callable[[], AbstractContextManager[None]]
_GAP = (3.0, 8.0)
_AFTER = 5.0
_LASTS = (2.0, 12.0)
_LONG = (10.0, 12.0)


class Faults:
    """One thread that breaks something, waits, mends it and waits."""

    def __init__(self, stack: FaultStack, site: Site, dice: random.Random, *, only: str = "") -> None:
        """`only` is the one fault that is to come, and then lasts."""
        everything = breaks(stack, site)
        self._breaks = {only: everything[only]} if only else everything
        self._lasts = _LONG if only else _LASTS
        self._dice = dice
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.log: list[tuple[str, float, float]] = []
        """What was broken, from when, until when."""

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def stop(self) -> None:
        """Mend what is broken, and end."""
        self._stop.set()
        self._thread.join(90)

    def _run(self) -> None:
        names: list[str] = []
        while not self._stop.wait(self._dice.uniform(*_GAP)):
            if not names:
                # Each once, before any comes again.
                names = self._dice.sample(list(self._breaks), len(self._breaks))
            name = names.pop()
            began = time.time()
            with self._breaks[name]():
                self._stop.wait(self._dice.uniform(*self._lasts))
            self.log.append((name, began, time.time()))

    def calm(self, at: float, until: float) -> bool:
        """Whether nothing was broken between two moments, or shortly before."""
        return all(to + _AFTER < at or until < began for _, began, to in self.log)


def breaks(stack: FaultStack, site: Site) -> dict[str, Break]:
    """Every fault by its name."""
    return {
        "registrar refuses": partial(_becomes, site, Mode(refuse=True)),
        "registrar hangs": partial(_becomes, site, Mode(hang=True)),
        "registrar answers half": partial(_becomes, site, Mode(cut_after=2000)),
        "registrar answers rubbish": partial(_becomes, site, Mode(rubbish=b"\x00\xff{]\r\n" * 50)),
        "registrar is slow": partial(_becomes, site, Mode(delay=1.5)),
        "registrar frozen": partial(_frozen, site),
        "registrar restarts empty": partial(_restarted, site),
        "Redis stopped": partial(stopped, stack),
        "Redis flushed": partial(_flushed, stack),
        "Redis full": partial(full, stack),
        "Redis slow": partial(slow, stack),
        "database locked": partial(locked, stack),
        "database gone": partial(gone, stack),
        "no scheduler": partial(no_child, stack, "schedule"),
        "no workers": partial(no_child, stack, "run"),
        "workers killed": partial(_killed, stack),
        "web restarts": partial(_web_restarts, stack),
    }


@contextmanager
def _becomes(site: Site, mode: Mode) -> Iterator[None]:
    site.proxy.become(mode)
    try:
        yield
    finally:
        site.proxy.become(PASS)


@contextmanager
def _frozen(site: Site) -> Iterator[None]:
    site.kamailio.freeze()
    try:
        yield
    finally:
        site.kamailio.thaw()


@contextmanager
def _restarted(site: Site) -> Iterator[None]:
    site.kamailio.kill()
    site.kamailio.start()
    yield


@contextmanager
def _flushed(stack: FaultStack) -> Iterator[None]:
    with stack.redis.client() as client:
        client.flushall()
    yield


@contextmanager
def _killed(stack: FaultStack) -> Iterator[None]:
    stack.workers.kill_running()
    yield


@contextmanager
def _web_restarts(stack: FaultStack) -> Iterator[None]:
    stack.web.stop()
    try:
        yield
    finally:
        stack.web.start()
