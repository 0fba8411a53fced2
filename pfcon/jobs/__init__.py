"""The steps of a job's life. They know no HTTP, and no engine or storage by name.

What is particular to plugin, copy, upload and delete jobs is in ``kinds``; ``service`` puts all together.
"""

from pfcon.jobs.kinds.plugin import Submission
from pfcon.jobs.service import JobService

__all__ = ["JobService", "Submission"]
