"""How the swarm engine takes a Swarm that is slow, or that others change at the same time."""

import copy
import json
import os
import subprocess
import sys
from pathlib import Path, PurePosixPath
from typing import Any, cast

import pytest
from support.settings import compute_settings

from pfcon.compute.docker_api.faults import error_of
from pfcon.compute.docker_api.settings import LocalVolumeSettings
from pfcon.compute.swarm.client import SwarmCalls
from pfcon.compute.swarm.engine import SwarmEngine
from pfcon.compute.swarm.spec import END_LABEL
from pfcon.errors import Absent, Conflict, PfconError, Refused, Unreachable
from pfcon.models import INCOMING, JobId, JobKind, JobSpec, JobStatus, Mount
from pfcon.paths import StoreBase
from pfcon.reasons import CANCELLED, Reason

DATA = Path(__file__).parents[1] / "data" / "swarm"
LIVES: dict[str, dict[str, Any]] = json.loads((DATA / "lives.json").read_text())
ERRORS: dict[str, dict[str, Any]] = json.loads((DATA / "errors.json").read_text())
NAME = "pfcon-record"


class Swarm:
    """A Swarm with one recorded job. ``conflicts``: how many updates find that the service has changed meanwhile."""

    def __init__(self, life: str, conflicts: int = 0) -> None:
        self.pid = os.getpid()
        self.found = copy.deepcopy(LIVES[life])
        self.conflicts = conflicts
        self.updates = 0
        self.asked_for_nodes = 0
        self.nodes_fault: PfconError | None = None

    def service(self, name: str) -> Any:
        return self.found["service"]

    def tasks(self, **filters: str) -> Any:
        return self.found["tasks"]

    def nodes(self) -> Any:
        self.asked_for_nodes += 1
        if self.nodes_fault:
            raise self.nodes_fault
        return [{"ID": self.found["tasks"][0]["NodeID"], "Description": {"Hostname": "n1"}}, {"ID": "odd"}]

    def update(self, service: dict[str, Any], spec: dict[str, Any]) -> None:
        self.updates += 1
        if self.updates <= self.conflicts:
            raise error_of(**ERRORS["update: changed since"], verdict=True)
        self.found["service"]["Spec"] = spec

    def remove(self, service_id: str) -> None:
        for task in self.found["tasks"]:
            task["DesiredState"] = "remove"

    def containers_here(self, service_id: str) -> list[Any]:
        return []


class EngineOn(SwarmEngine):
    """The engine on such a Swarm, without any patience."""

    def __init__(self, swarm: Swarm, **options: Any) -> None:
        settings = compute_settings(**{"storebase": PurePosixPath("/srv"), **options})
        super().__init__(settings, LocalVolumeSettings(), Path("/srv"), stop_grace=0, node_patience=0)
        self._swarm = swarm

    def _connect(self) -> SwarmCalls:
        return cast("SwarmCalls", self._swarm)


def test_a_service_that_has_changed_meanwhile_is_cancelled_all_the_same() -> None:
    swarm = Swarm("running", conflicts=3)
    EngineOn(swarm).cancel(NAME)
    assert swarm.updates == 4
    assert swarm.found["service"]["Spec"]["Labels"][END_LABEL] == CANCELLED.note()


def test_a_service_that_changes_all_the_time_can_be_tried_again_later() -> None:
    with pytest.raises(Unreachable, match="keeps changing"):
        EngineOn(Swarm("running", conflicts=1000)).cancel(NAME)


def test_a_job_is_not_cancelled_twice_nor_after_its_end() -> None:
    swarm = Swarm("running")
    EngineOn(swarm).cancel(NAME)
    EngineOn(swarm).cancel(NAME)
    assert swarm.updates == 1
    ended = Swarm("exit 3")
    EngineOn(ended).cancel(NAME)
    assert ended.updates == 0


def test_the_failure_of_a_worker_ends_the_others_once_and_is_the_reason() -> None:
    swarm = Swarm("workers")
    failed, _, last = sorted(swarm.found["tasks"], key=lambda task: int(task["Slot"]))
    failed["Status"] |= {"State": "failed", "Err": "task: non-zero exit (3)", "ContainerStatus": {"ExitCode": 3}}
    last["Status"] |= {"State": "running"}
    last["DesiredState"] = "running"
    for _ in range(2):
        info = EngineOn(swarm).info(NAME)
        assert info.status is JobStatus.STARTED
        assert info.message == "being stopped: worker 1 of 3: the program failed with exit code 3"
    assert swarm.updates == 1
    last["Status"] |= {"State": "shutdown"}
    info = EngineOn(swarm).info(NAME)
    assert (info.status, info.reason) == (JobStatus.FAILED, Reason.EXIT_CODE)
    assert info.message == "worker 1 of 3: the program failed with exit code 3"


def test_the_name_of_a_node_is_requested_once_at_the_end_of_a_job() -> None:
    running, ended = Swarm("running"), Swarm("exit 3")
    assert EngineOn(running).info(NAME).details.node is None
    assert running.asked_for_nodes == 0
    engine = EngineOn(ended)
    assert [engine.info(NAME).details.node for _ in range(2)] == ["n1", "n1"]
    assert ended.asked_for_nodes == 1


@pytest.mark.parametrize("fault", [Unreachable("away"), Refused("no")])
def test_the_end_of_a_job_is_known_without_the_name_of_its_node(fault: PfconError) -> None:
    swarm = Swarm("exit 3")
    swarm.nodes_fault = fault
    details = EngineOn(swarm).info(NAME).details
    assert (details.node, details.exit_code) == (None, 3)


def test_a_worker_that_ends_well_leaves_the_others_alone() -> None:
    swarm = Swarm("workers")
    swarm.found["tasks"][1]["Status"] |= {"State": "running"}
    assert EngineOn(swarm).info(NAME).status is JobStatus.STARTED
    assert swarm.updates == 0


def test_a_service_that_is_removed_while_it_is_looked_at_is_absent_not_waiting() -> None:
    """Its tasks are gone then: they would be those of a job that has none yet."""

    class Removed(Swarm):
        def tasks(self, **filters: str) -> Any:
            self.found["service"] = None
            return []

        def service(self, name: str) -> Any:
            if self.found["service"] is None:
                raise Absent(f"service {name} not found")
            return self.found["service"]

    with pytest.raises(Absent):
        EngineOn(Removed("running")).info(NAME)


def test_a_service_that_somebody_has_scaled_to_zero_does_not_wait_either() -> None:
    swarm = Swarm("running")
    swarm.found["tasks"] = []
    assert EngineOn(swarm).info(NAME).status is JobStatus.NOT_STARTED
    swarm.found["service"]["Spec"]["Mode"]["Replicated"]["Replicas"] = 0
    info = EngineOn(swarm).info(NAME)
    assert (info.status, info.message) == (JobStatus.UNDEFINED, "its service was scaled to zero")


def test_cancel_does_not_wait_for_ever_for_a_node_that_is_away() -> None:
    swarm = Swarm("running")
    engine = EngineOn(swarm)
    engine.cancel(NAME)
    info = engine.info(NAME)
    assert (info.status, info.message) == (JobStatus.STARTED, "being stopped: cancelled")


def test_a_removal_that_its_node_does_not_confirm_is_unreachable_and_may_be_tried_again() -> None:
    with pytest.raises(Unreachable, match="the node may be down"):
        EngineOn(Swarm("running")).remove(NAME)


@pytest.mark.parametrize(
    ("label", "error"),
    [
        ("create: name in use", Conflict),
        ("create: bad name", Refused),
        ("update: changed since", Conflict),
        ("inspect: absent", Absent),
        ("remove: absent", Absent),
    ],
)
def test_a_recorded_refusal_becomes_our_error(label: str, error: type[PfconError]) -> None:
    assert type(error_of(**ERRORS[label], verdict=label.startswith(("create", "update")))) is error


def test_importing_the_engine_does_not_import_the_sdk() -> None:
    look = "[name for name in ('docker', 'requests', 'urllib3') if name in sys.modules]"
    code = f"import sys, pfcon.compute.swarm.engine; print({look})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


class SwarmWithVolume(Swarm):
    """A Swarm of some nodes, whose manager has a volume."""

    def __init__(self, count: int) -> None:
        super().__init__("running")
        self.count = count
        self.where = "unix:///swarm.sock"
        self.created: list[dict[str, Any]] = []

    def nodes(self) -> Any:
        return [{"ID": f"node-{number}"} for number in range(self.count)]

    def require_manager(self) -> None:
        pass

    def get(self, *_path: str) -> Any:
        return {"InitBinary": "docker-init", "InitCommit": {"ID": "de40ad0"}}

    def product(self) -> str:
        return "Docker 28"

    def mountpoint(self, volume: str) -> str:
        if volume != "base":
            raise Absent("no such volume")
        return "/var/lib/docker/volumes/base/_data"

    def create(self, spec: dict[str, Any]) -> str:
        self.created.append(spec)
        return "id"


@pytest.fixture
def spec(storebase: StoreBase) -> JobSpec:
    job = storebase.job(JobId("volume-1"))
    job.make()
    job.incoming.mkdir()
    mount = Mount(PurePosixPath(job.incoming_source), INCOMING, read_only=True)
    return JobSpec("volume-1", JobId("volume-1"), JobKind.PLUGIN, "image", ("true",), mounts=(mount,))


def with_volume(swarm: Swarm, storebase: StoreBase, name: str = "base") -> EngineOn:
    engine = EngineOn(swarm, volume_type="docker_local_volume", storebase=None, volume_name=name)
    engine._storebase_mount = storebase.root
    return engine


def test_a_local_volume_is_mounted_on_a_swarm_of_one_node(storebase: StoreBase, spec: JobSpec) -> None:
    swarm = SwarmWithVolume(1)
    engine = with_volume(swarm, storebase)
    assert "a Swarm of 1 node" in engine.check()
    engine.schedule(spec)
    (mount,) = swarm.created[0]["TaskTemplate"]["ContainerSpec"]["Mounts"]
    assert mount["Source"] == "/var/lib/docker/volumes/base/_data/key-volume-1/incoming"


def test_a_local_volume_is_refused_by_name_on_a_swarm_of_several_nodes(storebase: StoreBase, spec: JobSpec) -> None:
    swarm = SwarmWithVolume(1)
    engine = with_volume(swarm, storebase)
    engine.schedule(spec)
    swarm.count = 2  # a node joins later
    for ask in (engine.check, lambda: engine.schedule(spec)):
        with pytest.raises(Refused, match="COMPUTE_VOLUME_TYPE=docker_local_volume: this Swarm has 2 machines"):
            ask()
    assert len(swarm.created) == 1


def test_a_missing_volume_is_refused_by_the_name_of_its_setting(storebase: StoreBase, spec: JobSpec) -> None:
    engine = with_volume(SwarmWithVolume(1), storebase, "other")
    for ask in (engine.check, lambda: engine.schedule(spec)):
        with pytest.raises(Refused, match=r"VOLUME_NAME: .* no volume 'other'"):
            ask()
