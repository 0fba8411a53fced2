"""Secrets of jobs: by name in the JobSpec, as a read-only directory for the job."""

import json
from dataclasses import replace
from pathlib import Path, PurePosixPath

import pytest

from pfcon.compute.base import all_mounts
from pfcon.compute.docker.spec import create_body
from pfcon.compute.process.spec import make_plan
from pfcon.models import JobId, JobKind, JobSpec, Mount, Secret
from pfcon.operations import __main__ as operations
from pfcon.paths import StoreBase

SECRET = Secret("swift", PurePosixPath("/share/secrets/swift"))
OWN = Mount(PurePosixPath("key-j"), PurePosixPath("/share/storebase/key-j"), read_only=False)
SPEC = JobSpec(
    "j-upload",
    JobId("j"),
    JobKind.UPLOAD,
    "image",
    ("python3", "-m", "pfcon.operations", "upload", "/share/storebase/key-j", "--secret", "/share/secrets/swift"),
    mounts=(OWN,),
    secrets=(SECRET,),
)


def test_a_record_names_secrets_and_one_of_an_earlier_release_has_none() -> None:
    assert JobSpec.from_json(SPEC.to_json()) == SPEC
    raw = json.loads(SPEC.to_json())
    del raw["secrets"]
    assert JobSpec.from_json(json.dumps(raw)) == replace(SPEC, secrets=())


def test_a_secret_is_a_directory_that_the_job_can_only_read() -> None:
    mount = Mount(PurePosixPath(".pfcon/secrets/swift"), SECRET.target, read_only=True)
    assert all_mounts(SPEC) == (OWN, mount)
    body = create_body(SPEC, PurePosixPath("/srv/base"))
    assert body["HostConfig"]["Mounts"][1] == {
        "Type": "bind",
        "Source": "/srv/base/.pfcon/secrets/swift",
        "Target": "/share/secrets/swift",
        "ReadOnly": True,
    }


def test_a_process_is_told_where_the_directory_is() -> None:
    plan = make_plan(SPEC, StoreBase(Path("/base")), 1, "m", 0)
    assert plan["argv"][-3:] == ["/base/key-j", "--secret", "/base/.pfcon/secrets/swift"]


def test_the_directory_is_its_owner_s_alone(storebase: StoreBase) -> None:
    directory = storebase.secret_dir("swift")
    assert directory == storebase.root / StoreBase.secret_source("swift")
    assert [path.stat().st_mode & 0o777 for path in (directory, directory.parent)] == [0o700, 0o700]


@pytest.mark.parametrize(("order", "told"), [("", "order can't be read"), ("{}", "order can't be read")])
def test_an_upload_without_an_order_fails_and_says_so(
    storebase: StoreBase, capsys: pytest.CaptureFixture[str], order: str, told: str
) -> None:
    job = storebase.job(JobId("j"))
    job.path.mkdir()
    (job.path / "upload.order").write_text(order)
    assert operations.main(["upload", str(job.path)]) == 1
    assert told in capsys.readouterr().out


def test_an_upload_without_a_secret_fails_and_says_so(storebase: StoreBase, capsys: pytest.CaptureFixture[str]) -> None:
    job = storebase.job(JobId("j"))
    job.path.mkdir()
    (job.path / "upload.order").write_text('{"storage": "swift", "create": false, "job_output_path": "home/x"}')
    assert operations.main(["upload", str(job.path)]) == 1
    assert "credentials" in capsys.readouterr().out
    assert operations.main(["upload", str(job.path), "--secret", str(storebase.root)]) == 1
    assert "no credentials of swift" in capsys.readouterr().out
