"""A snapshot of Slurm's queue."""

from pfcon.compute.job_queue import JobQueue
from pfcon.compute.slurm.parsing import Row

Queue = JobQueue[Row]
