"""The mails that the portal sends: its own jobs are run, and what they wrote is read."""

import re
from collections.abc import Mapping
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from workers.runtime import current


class Mailbox:
    """What MAIL_URL's folder holds."""

    def __init__(self, redis: "Redis", environ: Mapping[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.queue = Queue("mails", connection=redis, serializer=JSONSerializer)
        self.folder = Path(environ["MAIL_URL"].removeprefix("file://"))
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        current.cache_clear()

    def deliver(self) -> list[EmailMessage]:
        """Run every job that waits, as a worker does, and return the mails that are new."""
        before = self._files()
        for job in self.queue.jobs:
            job.perform()
            self.queue.remove(job)
        return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(self._files() - before)]

    def close(self) -> None:
        """Give up what the jobs opened."""
        if current.cache_info().currsize:
            current().redis.close()
            current().sessions.kw["bind"].dispose()
        current.cache_clear()

    def _files(self) -> set[Path]:
        return set(self.folder.glob("*.eml"))


def link_in(mail: EmailMessage) -> str:
    """The whole link that a mail holds."""
    found = re.findall(r"https?://\S+", mail.get_content())
    assert len(found) == 1, found
    return str(found[0])


def path_of(mail: EmailMessage, public_url: str) -> str:
    """Where the link of a mail leads at the portal."""
    link = link_in(mail)
    assert link.startswith(f"{public_url}/links/")
    return link.removeprefix(public_url)
