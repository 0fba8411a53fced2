"""The swarm engine: one Docker Swarm service for each job, whose tasks run once.

Replicated services without restarts, not Swarm's own job mode (Docker Engine API 1.41, ``ReplicatedJob``): that mode
forgets a job's tasks, with exit code and log, as soon as its service is changed, so a cancelled job could not be told
from one that never ran; and what has ended well there goes on to count against its node's resources (moby/moby#52652).
Both run ``number_of_workers`` tasks at the same time.
"""
