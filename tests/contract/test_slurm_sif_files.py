"""A site's image as a SIF file that Apptainer made of the tests' image, with each launcher on a real Slurm."""

import os
import shutil
import subprocess
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.engines.need import Unavailable, need
from support.generation import TODAY
from support.slurm import launchers, slurm_harness

from pfcon.compute.stopping import Stop
from pfcon.errors import ImageMissing
from pfcon.models import JobStatus
from pfcon.paths import StoreBase
from pfcon.testing.waiting import PATIENCE

pytestmark = pytest.mark.engine("slurm")
RUNS = [("plain", name) for name in launchers("plain")] + [("cgroup", "runc"), ("cgroup", "podman")]
DEFINITION = """\
Bootstrap: oci
From: {layout}
%environment
    export GREETING="hello from a SIF"
    export PATH=/opt/unusable:$PATH
"""


def _find_apptainer() -> str:
    program = shutil.which("apptainer")
    if not program:
        raise Unavailable("apptainer is not installed, which makes SIF files (tests/engines/slurm.sh)")
    return program


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The name of an image that is a SIF file below SLURM_IMAGES."""
    slurm_harness(tmp_path_factory.mktemp("storeBase")).close()
    if not TODAY:
        pytest.skip("Debian 12 has no Apptainer, which makes SIF files (GENERATION=today)")
    need("slurm", _find_apptainer)
    images = Path(os.environ["PFCON_TEST_SLURM_IMAGES"])
    name, tag = f"local/sif-{uuid.uuid4().hex[:8]}", "1.0"
    directory = images / name
    directory.mkdir()
    definition = directory / "image.def"
    definition.write_text(DEFINITION.format(layout=images / "local/pfcon-test/layout"))
    words = ["apptainer", "build", "--mksquashfs-args=-noD -noF", str(directory / f"{tag}.sif"), str(definition)]
    subprocess.run(words, check=True, capture_output=True, timeout=PATIENCE)
    yield f"{name}:{tag}"
    shutil.rmtree(directory)


@pytest.mark.parametrize(("mode", "launcher"), RUNS)
def test_its_jobs_have_its_files_and_variables_and_their_inputs(
    storebase: StoreBase, image: str, mode: str, launcher: str
) -> None:
    harness = slurm_harness(storebase.root, mode, launcher)
    script = 'cat "$2/in.txt"; echo "$GREETING, $PATH"; cp /opt/unusable/no-permission "$1"'
    spec = harness.shell(script, "/share/incoming", image=image)
    harness.incoming(spec).joinpath("in.txt").write_text("staged\n")
    told: list[str] = []
    with pytest.raises(ImageMissing):
        harness.engine.schedule(spec)
    harness.engine.prepare(spec, told.append, Stop())
    assert told == [f"unpacking image {image}"]
    info = harness.run(spec)
    log = harness.engine.logs(spec.name, 9)
    assert info.status is JobStatus.SUCCEEDED, (info.message, log)
    assert log.startswith("staged\nhello from a SIF, /opt/unusable:/")
    assert harness.outgoing(spec).joinpath("no-permission").read_text().startswith("#!/bin/sh")
    harness.close()
