"""What only some launchers give to a job, and refusals by name. Pure."""

from collections.abc import Iterable, Iterator
from enum import StrEnum

from pfcon.compute.settings import ComputeSettings
from pfcon.errors import ConfigurationError, Refused


class Ability(StrEnum):
    """What a launcher can give to jobs; each is named like what asks for it."""

    GPUS = "gpu_limit"
    SHM = "SHM_SIZE"
    USER = "CONTAINER_USER"


_CANNOT = {
    Ability.GPUS: "can't give GPUs to jobs",
    Ability.SHM: "can't set the size of /dev/shm",
    Ability.USER: "can't give jobs another user",
}


def require_ability(ability: Ability, gives: Iterable[Ability], launcher: str, able: Iterable[str]) -> None:
    """Raise Refused if a launcher can't give this to a job. launcher: ``VARIABLE=NAME``. able: names of others."""
    if ability not in gives:
        raise Refused(f"{ability}: {launcher} {_CANNOT[ability]}; these can: {', '.join(able)}")


def require_options(settings: ComputeSettings, gives: Iterable[Ability], launcher: str) -> None:
    """Raise ConfigurationError for options of jobs that a launcher can't give. launcher: ``VARIABLE=NAME``."""
    missing = [ability for ability in _asked(settings) if ability not in gives]
    if missing:
        raise ConfigurationError([f"{ability} is set, but {launcher} {_CANNOT[ability]}" for ability in missing])


def _asked(settings: ComputeSettings) -> Iterator[Ability]:
    if settings.shm is not None:
        yield Ability.SHM
    if settings.user is not None:
        yield Ability.USER
