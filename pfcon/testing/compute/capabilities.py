"""The optional abilities of the compute contract."""

from dataclasses import dataclass

from pfcon.testing.abilities import Abilities


@dataclass(frozen=True)
class Capabilities(Abilities):
    """The abilities of an engine. A missing ability has a text with the reason, which skipped tests show.

    ``Capabilities()``: the engine has all of them.
    """

    # Isolation
    read_only_inputs: str = ""  # a job can't change its inputs
    no_capabilities: str = ""  # a job has no capability of capabilities(7)
    own_root: str = ""  # a job sees nothing of storeBase but its own two directories
    mounts: str = ""  # a job can access its mounts, whichever user owns their parent directory
    # Options of a job
    user: str = ""  # a job runs as the user and the group of its spec
    workers: str = ""  # several workers; an engine without this ability raises Refused
    numbers: str = ""  # each of several workers knows its number
    hostnames: str = ""  # each of several workers has a host name of its own
    shm: str = ""  # the size of /dev/shm
    memory: str = ""  # a limit of memory
    pids: str = ""  # a limit of processes
    # Images
    images: str = ""  # a job runs in the container image of its spec
    workdir: str = ""  # a job starts in its image's working directory; without images, where its outputs go
    asks_for_images: str = ""  # ``schedule`` raises ImageMissing
    prepare: str = ""  # ``prepare`` fetches an image
    # Names and labels
    labels: str = ""  # the engine shows the labels of a job
    unique_names: str = ""  # job names are unique on the engine: a name that others use raises Conflict
    foreign_jobs: str = ""  # others can create a job with the same name; needs ``Harness.foreign_job``
    # End of a job
    time_limit: str = ""  # a job is stopped at its time limit, by the engine or by the service
    grace: str = ""  # a job that is cancelled gets SIGTERM, and time to end by itself
    orphans: str = ""  # processes that a job leaves running are reaped, and end with it
    keeper: str = ""  # a job has a supervisor besides the engine, which can end; needs ``Harness.end_keeper``
    # Details of a run
    started_at: str = ""  # the engine reports when the command of a job has started
    node: str = ""  # the engine reports the node of a job
    image_digest: str = ""  # the engine reports the digest of the image that runs
    # Others
    lists: str = ""  # ``active_jobs`` and ``jobs`` list the engine's jobs
    unreachable: str = ""  # the engine is a service that can be unreachable; needs ``Harness.make_dead``
    log_bytes: str = ""  # the whole log has the bytes of a job as they are, whether they are text or not
    long_logs: str = ""  # the whole log has more than a MiB
    endless_lines: str = ""  # the log contains the end of a line of many MiB
