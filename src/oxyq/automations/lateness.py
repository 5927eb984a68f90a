"""When an automation was to go out, and when it is too late for that."""

from typing import Final

from oxyq.engine.job import Job
from oxyq.engine.json_text import as_int
from oxyq.jobs import Automation
from oxyq.organizations import Organization
from oxyq.sending_hours import next_open, zone_of

#: What was held up over a night's outage that is noticed in the morning still helps; half a day later it confuses:
#: "tomorrow at ten" is today by then.
GRACE_MS: Final = 6 * 3_600_000
#: Workers take a job some time after it is due, and a busy queue has a rate: that is no lateness.
IN_TIME_MS: Final = 60_000
#: What limits keep waiting is no lateness either. The longest of them is a number's budget for a day.
LONGEST_LIMIT_MS: Final = 24 * 3_600_000


def due_ms(automation: Automation, job: Job) -> int:
    """When it was to go out (ms since 1970): after the delay it was added with, else at its time, else at once.

    One that is added after its time was asked for when it was added.
    """
    delay_ms = as_int(job.options.get("delay")) or 0
    return job.timestamp_ms + delay_ms if delay_ms else max(automation.scheduled_for or 0, job.timestamp_ms)


def next_sending(automation: Automation, organization: Organization, at_ms: int) -> int:
    """`at_ms`, or the end of the quiet hours it lies in; those do not hold for what is transactional."""
    hours = None if automation.transactional else organization.sending_hours
    return next_open(hours, zone_of(automation.recipient_number, organization.time_zone), at_ms)


def late_ms(
    automation: Automation, organization: Organization, job: Job, now_ms: int, *, limits_count: bool = False
) -> int | None:
    """How late it is, when that is more than its grace; None while it may still be sent.

    Told by what stays the same whoever takes the job, and however often: quiet hours are counted out of it, and a job
    that was put off (it was taken more often than it failed or lost its worker) is given the longest that a limit
    puts off, unless `limits_count`.
    """
    late = now_ms - next_sending(automation, organization, due_ms(automation, job))
    grace = GRACE_MS if automation.grace_minutes is None else automation.grace_minutes * 60_000
    was_put_off = job.attempts_started > job.attempt + job.stalled_count
    allowed = max(grace, IN_TIME_MS, LONGEST_LIMIT_MS if was_put_off and not limits_count else 0)
    return late if late > allowed else None
