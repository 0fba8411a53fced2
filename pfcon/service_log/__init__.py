"""The service's log: the form of its lines, the job and the request that a line belongs to, and a limit of lines."""

from pfcon.service_log.fields import NO_JOB, about, begin_request, is_working_on_job, log_context, set_job, working_on
from pfcon.service_log.lines import write
from pfcon.service_log.request_id import accepted_or_new, current_request_id, new_request_id

__all__ = [
    "NO_JOB",
    "about",
    "accepted_or_new",
    "begin_request",
    "current_request_id",
    "is_working_on_job",
    "log_context",
    "new_request_id",
    "set_job",
    "working_on",
    "write",
]
