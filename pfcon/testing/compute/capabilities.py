"""What an engine may lack of the compute contract."""

from dataclasses import dataclass

from pfcon.testing.abilities import Abilities


@dataclass(frozen=True)
class Capabilities(Abilities):
    """The abilities of an engine. One that it lacks has a text that says why, which its skipped tests show.

    ``Capabilities()`` is an engine that lacks nothing.
    """

    # What a job is kept from
    read_only_inputs: str = ""  # a job can't change its inputs
    no_capabilities: str = ""  # a job has no capability of capabilities(7)
    own_root: str = ""  # a job sees nothing of storeBase but its own two directories
    mounts: str = ""  # a job reaches what is mounted for it, whoever owns the directory above
    # What a job may ask for
    user: str = ""  # a job runs as the user and the group of its spec
    workers: str = ""  # several workers; an engine without raises Refused
    shm: str = ""  # the size of /dev/shm
    memory: str = ""  # a limit of memory
    pids: str = ""  # a limit of processes
    # Images
    images: str = ""  # the image decides on what a job runs
    asks_for_images: str = ""  # ``schedule`` raises ImageMissing
    prepare: str = ""  # ``prepare`` fetches an image
    # Names and labels
    labels: str = ""  # the engine shows the labels of a job
    unique_names: str = ""  # the engine has one job of a name: a name that others have used conflicts
    foreign_jobs: str = ""  # others can make a job of the same name; needs ``Harness.foreign_job``
    # Ends
    grace: str = ""  # a job that is cancelled gets SIGTERM, and time to end by itself
    orphans: str = ""  # what a job leaves running is reaped, and ends with it
    keeper: str = ""  # something besides the engine keeps a job, and can end; needs ``Harness.end_keeper``
    # The rest
    unreachable: str = ""  # the engine is a service that can be away; needs ``Harness.make_dead``
    endless_lines: str = ""  # the log has the end of a line of many MiB
