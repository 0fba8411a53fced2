"""What happens to a job, in order. Knows no HTTP, and no engine or storage by name."""

from pfcon.jobs.service import JobService
from pfcon.jobs.submission import Submission

__all__ = ["JobService", "Submission"]
