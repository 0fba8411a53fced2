"""A Slurm whose commands only pretend: what no real one does on demand."""

from pathlib import Path, PurePosixPath

from support.engines import IMAGE
from support.settings import compute_settings

from pfcon.compute.slurm.engine import SlurmEngine
from pfcon.compute.slurm.folder import JobFolder
from pfcon.compute.slurm.settings import SlurmSettings
from pfcon.models import JobSpec
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

# A cluster in a directory: `rows` is what squeue prints, `away` makes all fail, `calls` has what was asked;
# with `unanswered`, sbatch has submitted a job for all it knows, but got no answer.
FAKE = """#!/bin/sh
cluster=$1
timeout="Batch job submission failed: Socket timed out on send/recv operation"
shift
while [ "$1" = env ] || [ "${1#*=}" != "$1" ]; do shift; done
echo "$@" >>"$cluster/calls"
[ ! -e "$cluster/away" ] || { echo "$1: error: Unable to contact slurm controller" >&2; exit 1; }
case $1 in
    sbatch)
        cat >"$cluster/script"
        [ ! -e "$cluster/unanswered" ] || { echo "sbatch: error: $timeout" >&2; exit 1; }
        cat "$cluster/number" ;;
    squeue) cat "$cluster/rows" ;;
    sacct) cat "$cluster/accounting" ;;
    scontrol) cat "$cluster/config" ;;
    id) if [ "$2" = -u ]; then id -u; else id -g; fi ;;
esac
"""


class Cluster:
    """What the pretended Slurm answers, and an engine that asks it."""

    def __init__(self, directory: Path, storebase: StoreBase) -> None:
        self.directory = directory
        self.storebase = storebase
        directory.joinpath("fake").write_text(FAKE)
        directory.joinpath("fake").chmod(0o755)
        for name, text in (("rows", ""), ("number", "41"), ("accounting", ""), ("config", "")):
            self.answer(name, text)
        bundle = directory / "images/local/pfcon-test/1"
        bundle.joinpath("rootfs").mkdir(parents=True)
        bundle.joinpath("config.json").write_text('{"process": {"env": ["PATH=/bin"], "cwd": "/"}}')
        self.harness = Harness(self.engine(), storebase, IMAGE)

    def engine(self, **options: float) -> SlurmEngine:
        """An engine that asks this cluster."""
        slurm = SlurmSettings(
            prefix=(str(self.directory / "fake"), str(self.directory)), images=self.directory / "images", timeout=60
        )
        settings = compute_settings(
            engine="slurm", storebase=PurePosixPath(self.storebase.root), timelimit=5, own=slurm
        )
        return SlurmEngine(settings, settings.own, self.storebase, **{"staleness": 60, **options})  # type: ignore[arg-type]

    def answer(self, name: str, text: str) -> None:
        """What a command prints from now on."""
        self.directory.joinpath(name).write_text(text)

    def calls(self, program: str) -> list[str]:
        """How a program was called."""
        return [line for line in self.directory.joinpath("calls").read_text().splitlines() if line.startswith(program)]

    def folder(self, spec: JobSpec) -> JobFolder:
        """A job's directory."""
        return JobFolder.open(self.storebase.private / "slurm", spec.name)

    def scheduled(self, state: str = "RUNNING") -> JobSpec:
        """A job that the cluster has."""
        spec = self.harness.spec(["true"])
        self.harness.engine.schedule(spec)
        self.answer("rows", f"41|{state}|0|None|N/A|pfcon {self.folder(spec).marker}|\n")
        return spec
