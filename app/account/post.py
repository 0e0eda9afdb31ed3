"""Asks the workers for a mail. Nothing is looked up here: whom a mail is for, and whether there is one, they find."""

import logging

from redis.exceptions import RedisError
from rq import Retry

from app.services import services

log = logging.getLogger(__name__)

REMINDER = "workers.jobs.mail_reminder"
CONFIRMATION = "workers.jobs.mail_confirmation"
NOTICE = "workers.jobs.mail_notice"

_PAUSES = (10, 30, 60, 120, 300, 600, 900, 1800, 3600)
"""Seconds before each further try while the mail server can't be used; after the last the job counts as failed."""
_JOB_SECONDS = 60
_DAY = 24 * 3600


def ask(job: str, *arguments: str | int) -> bool:
    """Whether a mail will be tried; False while nobody can be asked, for every login ID alike."""
    service = services()
    if not service.mails_are_sent:
        return False
    try:
        service.mails.enqueue(
            job,
            *arguments,
            job_timeout=_JOB_SECONDS,
            result_ttl=0,
            failure_ttl=_DAY,
            retry=Retry(max=len(_PAUSES), interval=list(_PAUSES)),
            # What RQ logs: by default it would be the arguments.
            description=job,
        )
    except RedisError as error:
        log.warning("a mail can't be asked for: %s", type(error).__name__)
        return False
    return True
