"""The settings that bound how many jobs are active, and how long the service keeps ended ones."""

from dataclasses import dataclass

from pfcon.settings import kinds
from pfcon.settings.section import setting

_NUMBER = kinds.number(0, 10**9)
_DAYS = kinds.number(0, 36_500, "days")


@dataclass(frozen=True)
class ActiveLimits:
    """The largest numbers of plugin jobs that have not ended; 0: no limit."""

    jobs: int = setting(
        "PFCON_MAX_ACTIVE_JOBS",
        _NUMBER,
        "The largest number of plugin jobs that have not ended; a further one is answered with 429. 0 means no limit.",
        default="0",
    )
    jobs_of_owner: int = setting(
        "PFCON_MAX_ACTIVE_JOBS_PER_OWNER",
        _NUMBER,
        "The same for the jobs of each user in ChRIS (`auid`).",
        default="0",
    )


@dataclass(frozen=True)
class RetentionSettings:
    """How long ended jobs and leftovers are kept, in days; 0: until somebody deletes them."""

    days: int = setting(
        "PFCON_RETENTION_DAYS",
        _DAYS,
        "Jobs that ended longer ago are removed with their data, as by `DELETE jobs/<jid>/`. 0 means never.",
        default="0",
    )
    orphans_days: int = setting(
        "PFCON_ORPHANS_DAYS",
        _DAYS,
        "What is left of jobs without a record is removed after this time: data in storeBase, and ended jobs of the "
        "engine. 0 means never.",
        default="0",
    )


NO_RETENTION = RetentionSettings()
