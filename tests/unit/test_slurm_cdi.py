"""CDI files: what a bundle gets of them, and which ones are refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from pfcon.compute.slurm.cdi import Edits, edits, read_edits, require_cdi
from pfcon.errors import ConfigurationError, Refused

# As `nvidia-ctk cdi generate --format=json` writes it, shorter.
NVIDIA: dict[str, Any] = {
    "cdiVersion": "0.5.0",
    "kind": "nvidia.com/gpu",
    "devices": [
        {"name": "0", "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}]}},
        {
            "name": "all",
            "containerEdits": {"deviceNodes": [{"path": "/dev/nvidia0"}, {"path": "/dev/b", "hostPath": "/dev/a"}]},
        },
    ],
    "containerEdits": {
        "env": ["NVIDIA_VISIBLE_DEVICES=void"],
        "deviceNodes": [{"path": "/dev/nvidiactl"}],
        "hooks": [
            {
                "hookName": "createContainer",
                "path": "/usr/bin/nvidia-cdi-hook",
                "args": ["nvidia-cdi-hook", "update-ldcache"],
            }
        ],
        "mounts": [
            {
                "hostPath": "/usr/lib/libcuda.so.1",
                "containerPath": "/usr/lib/libcuda.so.1",
                "options": ["ro", "nosuid", "nodev", "bind"],
            }
        ],
        "additionalGids": [],
    },
}


def test_the_edits_are_those_of_the_file_and_of_all_devices() -> None:
    device = ["bind", "nosuid", "noexec"]
    assert edits(NVIDIA) == Edits(
        env=("NVIDIA_VISIBLE_DEVICES=void",),
        mounts=(
            *(
                {"destination": path, "source": source, "type": "bind", "options": device}
                for path, source in (
                    ("/dev/nvidiactl", "/dev/nvidiactl"),
                    ("/dev/nvidia0", "/dev/nvidia0"),
                    ("/dev/b", "/dev/a"),
                )
            ),
            {
                "destination": "/usr/lib/libcuda.so.1",
                "source": "/usr/lib/libcuda.so.1",
                "type": "bind",
                "options": ["ro", "nosuid", "nodev", "bind"],
            },
        ),
        hooks={
            "createContainer": [
                {"path": "/usr/bin/nvidia-cdi-hook", "args": ["nvidia-cdi-hook", "update-ldcache"]},
            ]
        },
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("kind: nvidia.com/gpu", "Expecting value"),
        ("[]", "list indices"),
        ("{}", "it has no 'devices'"),
        (json.dumps({"devices": [{"name": "0", "containerEdits": {}}]}), "it has no device `all`, only 0"),
        (
            json.dumps({"devices": [{"name": "all", "containerEdits": {"additionalGids": [44]}}]}),
            "pfcon does not support its additionalGids",
        ),
        (json.dumps({"devices": [{"name": "all", "containerEdits": {"mounts": [{}]}}]}), "it has no 'containerPath'"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_at_the_start_and_for_each_job(
    text: str, reason: str, tmp_path: Path
) -> None:
    file = tmp_path / "gpus.json"
    file.write_text(text)
    with pytest.raises(Refused, match=f"^SLURM_CDI: .*gpus.json is no CDI file in JSON: {reason}"):
        read_edits(file, "SLURM_CDI")
    with pytest.raises(ConfigurationError, match=reason):
        require_cdi(file, "SLURM_CDI")


def test_a_missing_file_is_refused_and_no_file_is_fine(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"- HTCONDOR_CDI: .*No such file"):
        require_cdi(tmp_path / "absent", "HTCONDOR_CDI")
    require_cdi(None, "HTCONDOR_CDI")
