"""What only some launchers give to a job, and refusals by name. Pure."""

from collections.abc import Collection
from enum import Enum

from pfcon.compute.settings import ComputeSettings, ContainerUser, IdRange, JobOption
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


def option_faults(
    settings: ComputeSettings,
    gives: Collection[Ability],
    launcher: str,
    submitter: tuple[int, int] | None,
    *,
    root: bool = True,
) -> list[str]:
    """Return a line for each option of jobs that a launcher can't give. launcher: ``VARIABLE=NAME``.

    submitter: uid and gid of the user who submits jobs; None before that is known, root: whether it may be root then.
    """
    asked = []
    if settings.shm is not None and Ability.SHM not in gives:
        asked.append(Ability.SHM)
    if settings.user is not None:
        sufficient = _for_user(settings.user, submitter, root=root)
        if sufficient and not {*sufficient} & {*gives}:
            asked.append(sufficient[0])
    return [f"{ability.asked} is set, but {launcher} {ability.lacking}" for ability in asked]


def require_options(
    settings: ComputeSettings,
    gives: Collection[Ability],
    launcher: str,
    submitter: tuple[int, int] | None,
    *,
    root: bool = True,
) -> None:
    """Raise ConfigurationError for options of jobs that a launcher can't give; see ``option_faults``."""
    if faults := option_faults(settings, gives, launcher, submitter, root=root):
        raise ConfigurationError(faults)


def _for_user(user: ContainerUser, submitter: tuple[int, int] | None, *, root: bool) -> list[Ability]:
    """Return the abilities of which one is needed; none if all jobs have the submitter as their user, or may have."""
    given = (user.uid, user.gid)
    if submitter is not None:
        if all(part is None or part == IdRange(own, own) for part, own in zip(given, submitter, strict=True)):
            return []
        return [Ability.USER_OF_ROOT if submitter[0] == 0 else Ability.USER]
    if all(part is None or part.low == part.high for part in given) and (root or user.uid != IdRange(0, 0)):
        return []
    return [Ability.USER, Ability.USER_OF_ROOT] if root else [Ability.USER]
