"""The steps of a job's life. They do not depend on HTTP, nor on a specific engine or storage.

What is specific to plugin, copy, upload and delete jobs is in ``kinds``; ``service`` combines all steps.
"""

from pfcon.jobs.kinds.plugin import Submission
from pfcon.jobs.service import JobService

__all__ = ["JobService", "Submission"]
