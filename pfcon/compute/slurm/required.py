"""What the settings of the node side must be, alone and together: checked at the start of two engines."""

from collections.abc import Iterator
from typing import Any

from pfcon.compute.slurm.cdi import require_cdi
from pfcon.compute.slurm.names import SLURM, Names
from pfcon.compute.slurm.settings import OCI_RUNTIMES, LauncherName, SlurmSettings
from pfcon.errors import ConfigurationError
from pfcon.settings.section import variable
from pfcon.settings.variable import Values

_GPUS = "the field gpu_limit of jobs, and SLURM_GPU_GRES"
# Options of sbatch, which may be abbreviated. --gres is not here: it may have other resources than GPUs.
_OWN_SETTINGS = {
    "partition": "SLURM_PARTITION",
    "account": "SLURM_ACCOUNT",
    "qos": "SLURM_QOS",
    "constraint": "SLURM_CONSTRAINT or NODE_SELECTOR",
    "gpus-per-task": _GPUS,
    "gpus-per-node": _GPUS,
    "gpus-per-socket": _GPUS,
    "tres-per-task": "the fields cpu_limit and gpu_limit of jobs",
}


def require_node_side(settings: SlurmSettings, names: Names = SLURM) -> None:
    """Raise ConfigurationError for a template or a CDI file that can't be used."""
    require_launcher(settings, names.launcher)
    require_cdi(settings.cdi, names.cdi)


def unused_cdi(values: Values, section: type[Any], names: Names = SLURM) -> Iterator[str]:
    """Yield a line if a CDI file is set with a launcher that uses none. section: with the fields launcher and cdi."""
    launcher, cdi = values.get(variable(section, "launcher")), variable(section, "cdi")
    if launcher is not None and launcher not in OCI_RUNTIMES and values.given(cdi):
        runtimes = " and ".join(OCI_RUNTIMES)
        yield values.fault(cdi, f"but {names.launcher}={launcher} does not use it: only {runtimes} do")


def unused_mpi(values: Values) -> Iterator[str]:
    """Yield a line for PMIx with a launcher that can't show a worker its server; that of a site's own may do it."""
    launcher, mpi = values.get(variable(SlurmSettings, "launcher")), variable(SlurmSettings, "mpi")
    if launcher in (None, LauncherName.COMMAND, *OCI_RUNTIMES):
        return
    if (values.get(mpi) or "").startswith("pmix"):
        runtimes = " and ".join(OCI_RUNTIMES)
        yield values.fault(mpi, f"but SLURM_LAUNCHER={launcher} does not show workers their PMIx server: {runtimes} do")


def doubled_options(values: Values) -> Iterator[str]:
    """Yield a line for each further option of sbatch that has a setting of its own: the last one would win."""
    options = variable(SlurmSettings, "options")
    for word in values.get(options) or ():
        name, given, value = word.removeprefix("--").partition("=")
        if name == "gres" and not given:
            yield values.fault(options, "--gres without a value would take the next option for it: --gres=NAME")
        elif own := _OWN_SETTINGS.get(next((option for option in _OWN_SETTINGS if option.startswith(name)), "")):
            yield values.fault(options, f"{word} would replace what pfcon sets: use {own}")
        elif name == "gres" and (gpu := _gpu_in(value, values)):
            yield values.fault(options, f"{word} requests {gpu}, which only jobs with gpu_limit request")


def _gpu_in(value: str, values: Values) -> str:
    """Return the name of the resource that GPUs are, if a value of --gres has it; otherwise an empty text."""
    gpu = (values.get(variable(SlurmSettings, "gres")) or "").partition(":")[0]
    names = {one.removeprefix("gres:").removeprefix("gres/").partition(":")[0] for one in value.split(",")}
    return gpu if gpu in names else ""


def require_launcher(settings: SlurmSettings, variable: str = "SLURM_LAUNCHER") -> None:
    """Raise ConfigurationError if the template of the site's own launcher is missing, unused, or can't run a job.

    variable: names the launcher, for messages.
    """
    own = settings.launcher is LauncherName.COMMAND
    if own and settings.command is None:
        raise ConfigurationError([f"{variable}=command needs {variable}_COMMAND"])
    if settings.command is not None and not own:
        raise ConfigurationError([f"{variable}_COMMAND is set, so {variable} must be `command`"])
    try:
        if settings.command is not None:
            settings.command.check()
    except ValueError as fault:
        raise ConfigurationError([f"{variable}_COMMAND: {fault}"]) from fault
