"""Why a job waits in the queue: condor_q -better-analyze in short words."""

import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from pfcon.compute.htcondor.commands import Commands, where
from pfcon.compute.htcondor.parsing import ads
from pfcon.compute.htcondor.settings import HTCondorSettings
from pfcon.compute.htcondor.spec import node_requirement
from pfcon.compute.words import plain
from pfcon.errors import Refused, Unreachable
from pfcon.models import Resources
from pfcon.reasons import SUCCESS, Reason, Why, explain

KEPT = 60.0  # seconds for which an analysis is used for all jobs with the same requests
_SUMMARY = re.compile(r"Of (\d+) (?:slots on \d+ )?machines,")
_COUNTS = re.compile(r"^\s*(\d+) (?:slots )?(.*)$", re.MULTILINE)
_STEP = re.compile(r"^\[\d+\]\s+(\d+|never|always)\s+(.*)$", re.MULTILINE)
# What a condition of the requirements asks for.
_NAMES: Mapping[str, str] = MappingProxyType(
    {
        "RequestMemory": "memory",
        "RequestCpus": "processors",
        "RequestGPUs": "GPUs",
        "RequestDisk": "disk",
        "FileSystemDomain": "the file system of jobs (FILESYSTEM_DOMAIN)",
        "Arch": "the type of processor",
        "OpSys": "the operating system",
    }
)
Labels = tuple[tuple[str, str], ...]
_TOTALS = ("TotalSlotCpus", "TotalSlotMemory", "TotalGPUs")


@dataclass(frozen=True)
class Analysis:
    """How many machines (slots) there are, how many reject the job, how many refuse it, and the conditions that none
    of them meets.
    """

    machines: int
    rejected: int
    refusing: int
    unmet: tuple[str, ...]


@dataclass(frozen=True)
class Machine:
    """What a machine has in total: processors, MiB, GPUs."""

    cpus: float
    memory: float
    gpus: float


def analyze_command(settings: HTCondorSettings, number: str) -> list[str]:
    """Return the command that analyses one job, by ``Row.id``."""
    return ["condor_q", *where(settings), "-better-analyze", number]


def machines_command(settings: HTCondorSettings) -> list[str]:
    """Return the command that lists what all machines have."""
    pool = ["-pool", settings.pool] if settings.pool else []
    constraint = 'SlotType =!= "Dynamic"'
    return ["condor_status", *pool, "-constraint", constraint, "-json", "-attributes", ",".join(_TOTALS)]


def analysis(text: str) -> Analysis | None:
    """Parse the output of ``analyze_command``, of 23.9 or 25; None if it has no summary."""
    summary = _SUMMARY.search(text)
    if not summary:
        return None
    counts = {words: int(count) for count, words in _COUNTS.findall(text[summary.end() :])}
    rejected = sum(count for words, count in counts.items() if "rejected by your job" in words)
    refusing = sum(count for words, count in counts.items() if words.startswith("reject your job"))
    unmet = tuple(condition.strip() for found, condition in _STEP.findall(text) if found in ("0", "never"))
    return Analysis(int(summary[1]), rejected, refusing, unmet)


def machines(text: str) -> list[Machine]:
    """Parse the output of ``machines_command``. Raises Unreachable."""
    return [Machine(*(_number(ad.get(name)) for name in _TOTALS)) for ad in ads(text)]


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else 0.0


def wait_of(
    found: Analysis | None, having: list[Machine], cpus: int, resources: Resources, selector: Labels = ()
) -> Why:
    """Return why a job waits. having: what the machines have; they may be in use. cpus: that the job requests.

    selector: NODE_SELECTOR.
    """
    lacking = _never(having, cpus, resources) or (_unmet(found, selector) if found and found.machines else SUCCESS)
    return lacking or Why("waiting for its turn in HTCondor")


def _never(having: list[Machine], cpus: int, resources: Resources) -> Why:
    """Return which request no machine can fulfil at present, whatever runs there; empty if one can."""
    if not having:
        return explain(Reason.UNSCHEDULABLE, cause="the pool has no machine at present")
    wanted = Machine(cpus, resources.memory or 0, resources.gpus)
    for name, field in (("processors", "cpus"), ("MiB of memory", "memory"), ("GPUs", "gpus")):
        most, asked = max(getattr(machine, field) for machine in having), getattr(wanted, field)
        if asked > most:
            cause = f"no machine of the pool has {asked:.0f} {name}, at most {most:.0f}"
            return explain(Reason.UNSCHEDULABLE, cause=cause)
    if not any(m.cpus >= wanted.cpus and m.memory >= wanted.memory and m.gpus >= wanted.gpus for m in having):
        return explain(Reason.UNSCHEDULABLE, cause="no machine of the pool has all that the job requests together")
    return SUCCESS


def _unmet(found: Analysis, selector: Labels) -> Why:
    """Return what machines that are large enough lack now; empty if one of them is only busy with other users."""
    if found.rejected >= found.machines:
        lacking = ", ".join(dict.fromkeys(_name_of(condition) for condition in found.unmet))
        cause = f"too few free: {lacking}" if _busy(found) else f"no machine has: {lacking}"
        if not lacking:
            also = ", NODE_SELECTOR is one of them" if selector else ""
            cause = f"no machine meets all requirements of the job{also}"
        labels = [f"{key}={value}" for key, value in selector if _shown(key, value) in found.unmet]
        if labels:
            cause = f"no machine has the labels {', '.join(labels)} (NODE_SELECTOR)"
        return explain(Reason.UNSCHEDULABLE, cause=cause, detail="; ".join(found.unmet))
    if found.refusing and found.rejected + found.refusing >= found.machines:
        return explain(Reason.UNSCHEDULABLE, cause="the machines' own policy (START) refuses the job")
    return SUCCESS


def _shown(key: str, value: str) -> str:
    """Return how condor_q shows the condition of a label."""
    return node_requirement(key, value).replace(" =?= ", " is ", 1)


def _busy(found: Analysis) -> bool:
    """Return whether all that is lacking is what other jobs use."""
    return all("Request" in condition for condition in found.unmet)


def _name_of(condition: str) -> str:
    return next((name for word, name in _NAMES.items() if word in condition), plain(condition))


class Analyst:
    """Finds out why jobs wait; jobs with the same requests share an analysis. Thread-safe."""

    def __init__(self, commands: Commands, settings: HTCondorSettings) -> None:
        self._commands = commands
        self._settings = settings
        self._lock = threading.Lock()
        self._found: dict[tuple[int, Resources], tuple[float, Why]] = {}

    def why(self, number: str, cpus: int, resources: Resources) -> Why:
        """Return why the job with that id waits. It is the same for some time; HTCondor may not be asked."""
        key = (cpus, resources)
        with self._lock:
            now = time.monotonic()
            self._found = {known: value for known, value in self._found.items() if now - value[0] < KEPT}
            if key not in self._found:
                self._found[key] = (now, self._ask(number, cpus, resources))
            return self._found[key][1]

    def _ask(self, number: str, cpus: int, resources: Resources) -> Why:
        try:
            having = machines(self._commands.run(machines_command(self._settings)))
            text = self._commands.run(analyze_command(self._settings, number))
        except (Refused, Unreachable):
            return Why("waiting for its turn in HTCondor")
        return wait_of(analysis(text), having, cpus, resources, self._settings.node_selector)
