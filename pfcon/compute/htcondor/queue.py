"""A snapshot of the jobs that a schedd has."""

from pfcon.compute.htcondor.parsing import Row
from pfcon.compute.job_queue import JobQueue

Queue = JobQueue[Row]
