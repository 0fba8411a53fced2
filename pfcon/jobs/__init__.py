"""What happens to a job, in order. Knows no HTTP, and no engine or storage by name."""

from pfcon.jobs.kinds.plugin import Submission
from pfcon.jobs.service import JobService

__all__ = ["JobService", "Submission"]
