"""How the settings of the node side are named, which two engines have, for messages."""

from dataclasses import dataclass

from pfcon.compute.slurm.settings import LauncherName


@dataclass(frozen=True)
class Names:
    """prefix: of the variables. without: launchers that the engine does not have."""

    prefix: str
    without: frozenset[LauncherName] = frozenset()

    @property
    def launcher(self) -> str:
        """The variable that names the launcher."""
        return f"{self.prefix}_LAUNCHER"

    @property
    def cdi(self) -> str:
        """The variable that names the CDI file."""
        return f"{self.prefix}_CDI"


SLURM = Names("SLURM")
HTCONDOR = Names("HTCONDOR", frozenset({LauncherName.CONTAINER}))
