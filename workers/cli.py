"""Operators' commands that run the workers. `wsgi.py` registers them, so that app never imports workers."""

import logging
import os
import signal
import threading

import click

from app.config import Config
from workers.listen import Listener
from workers.pool import Pool
from workers.runtime import current
from workers.schedule import Scheduler


@click.group()
def workers() -> None:
    """Run what fetches the registrations."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s", force=True)


@workers.command()
def schedule() -> None:
    """Enqueue the pulls that are due, until a signal ends it; a second one stands by."""
    Scheduler(current()).run(_stopped_by_signal())


@workers.command()
def listen() -> None:
    """Hear the servers that tell what happens as it happens, until a signal ends it; run one."""
    Listener(current()).run(_stopped_by_signal())


def _stopped_by_signal() -> threading.Event:
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    return stop


@workers.command()
@click.option(
    "--workers",
    "size",
    type=click.IntRange(min=3),
    default=4,
    show_default=True,
    help="Processes; one is kept for look-ups, so that nobody waits for the end of a pull, and one for mails.",
)
def run(size: int) -> None:
    """Run the jobs: pulls, look-ups and mails. A worker that dies is replaced."""
    Pool(Config.from_env(os.environ).redis_url, size).start(logging_level="WARNING")
