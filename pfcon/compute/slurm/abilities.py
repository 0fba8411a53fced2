"""What only some launchers give to a job, and refusals by name. Pure."""

from collections.abc import Collection, Iterator
from enum import Enum

from pfcon.compute.settings import ComputeSettings, JobOption
from pfcon.errors import ConfigurationError, Refused


class Ability(Enum):
    """What a launcher can give to jobs: the field or setting that asks for it, and a text if it can't."""

    GPUS = ("gpu_limit", "can't give GPUs to jobs")
    SHM = (JobOption.SHM.value, "can't set the size of /dev/shm")
    USER = (JobOption.USER.value, "can't give jobs another user")  # in a container; on its node it is the submitter
    USER_OF_ROOT = (JobOption.USER.value, "can't run jobs that root submits as another user of the node")

    @property
    def asked(self) -> str:
        """The field or setting that asks for it."""
        return self.value[0]

    @property
    def lacking(self) -> str:
        """What a launcher without it can't do."""
        return self.value[1]


def require_ability(ability: Ability, gives: Collection[Ability], launcher: str, able: Collection[str]) -> None:
    """Raise Refused if a launcher can't give this to a job. launcher: ``VARIABLE=NAME``. able: names of others."""
    if ability not in gives:
        raise Refused(f"{ability.asked}: {launcher} {ability.lacking}; these can: {', '.join(able)}")


def require_options(settings: ComputeSettings, gives: Collection[Ability], launcher: str) -> None:
    """Raise ConfigurationError for options of jobs that a launcher can't give. launcher: ``VARIABLE=NAME``.

    Whether root submits the jobs is not known yet.
    """
    able = {ability.asked for ability in gives}
    faults = [
        f"{ability.asked} is set, but {launcher} {ability.lacking}"
        for ability in _asked(settings)
        if ability.asked not in able
    ]
    if faults:
        raise ConfigurationError(faults)


def _asked(settings: ComputeSettings) -> Iterator[Ability]:
    if settings.shm is not None:
        yield Ability.SHM
    if settings.user is not None:
        yield Ability.USER
