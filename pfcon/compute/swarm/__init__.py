"""The swarm engine: one Docker Swarm service for each job, whose tasks run once.

Jobs are replicated services without restarts, not in Swarm's own job mode (Docker Engine API 1.41, ``ReplicatedJob``):
that mode deletes a job's tasks, with exit code and log, as soon as its service is changed, so a cancelled job could not
be distinguished from one that never ran; and its completed tasks still count against their node's resources
(moby/moby#52652). Both modes run ``number_of_workers`` tasks in parallel.
"""
