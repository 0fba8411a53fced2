"""Images that the slurm engine has to fetch or unpack before a job, on a real Slurm."""

import dataclasses
import os
import subprocess
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines import registry_host
from support.slurm import slurm_harness

from pfcon.compute.stopping import Stop
from pfcon.errors import ImageMissing, Refused
from pfcon.models import JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.compute.harness import Harness

pytestmark = pytest.mark.engine("slurm")


@pytest.fixture
def slurm(storebase: StoreBase) -> Iterator[Harness]:
    """The cluster that the contract runs on."""
    harness = slurm_harness(storebase.root)
    yield harness
    harness.close()


def test_an_oci_layout_is_unpacked_once_and_then_runs(slurm: Harness) -> None:
    engine = slurm.engine
    told: list[str] = []
    spec = slurm.shell("cat /etc/passwd", image="local/pfcon-test:layout")
    with pytest.raises(ImageMissing, match="fetching image local/pfcon-test:layout"):
        engine.schedule(spec)
    first, second = (threading.Thread(target=engine.prepare, args=(spec, told.append, Stop())) for _ in range(2))
    for thread in (first, second):
        thread.start()
    for thread in (first, second):
        thread.join()
    assert told.count("unpacking image local/pfcon-test:layout") == 1
    assert slurm.run(spec).status is JobStatus.SUCCEEDED
    assert engine.logs(spec.name, 1).startswith("nobody:")


def test_an_image_of_a_registry_is_fetched_and_runs(slurm: Harness) -> None:
    repository = f"{registry_host()}/pfcon/slurm-{uuid.uuid4().hex[:8]}"
    name = f"{repository}:1"
    layout = Path(os.environ["PFCON_TEST_SLURM_IMAGES"], "local/pfcon-test/layout")
    command = ["skopeo", "copy", "--quiet", "--dest-tls-verify=false", f"oci:{layout}:test", f"docker://{name}"]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    told: list[str] = []
    spec = slurm.shell("echo fetched", image=name)
    with pytest.raises(ImageMissing):
        slurm.engine.schedule(spec)
    slurm.engine.prepare(spec, told.append, Stop())
    assert told == [f"fetching image {name}", f"unpacking image {name}"]
    assert slurm.run(spec).status is JobStatus.SUCCEEDED
    assert slurm.engine.logs(spec.name, 9) == "fetched\n"
    absent = dataclasses.replace(spec, image=f"{repository}:2")
    with pytest.raises(Refused, match="its registry does not have it"):
        slurm.engine.prepare(absent, told.append, Stop())
