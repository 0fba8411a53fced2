"""The lives of two jobs through a pfcon container, seen from outside."""

from .containers import Container
from .live import COPY_ALL, Api, make_zip, new_jid
from .staged import StagedJob


def run_zip_job(service: Container) -> None:
    """A job that sees its inputs, writes its outputs, and is deleted."""
    api, jid = Api(service.url, service.password), new_jid()
    answer = api.submit(jid, COPY_ALL + '; id -u > "$1/uid"', make_zip({"a.txt": "alpha", "sub/b c.txt": "beta"}))
    assert answer.status_code == 201, answer.text
    ended = api.wait(jid)
    assert ended["status"] == "finishedSuccessfully", ended
    uid = service.job_user.partition(":")[0] or "0"
    assert api.unzip(jid) == {"a.txt": b"alpha", "sub/b c.txt": b"beta", "uid": f"{uid}\n".encode()}
    assert api.delete(f"jobs/{jid}/").status_code == 204


def run_fslink_job(service: Container) -> StagedJob:
    """A job whose inputs are copied, links followed, and whose outputs stay among the user's files."""
    service.put({"home/bob/data/a.txt": b"alpha", "home/bob/data/more.chrislink": b"home/bob/more"})
    service.put({"home/bob/more/m.txt": b"more"})
    job = StagedJob(service)
    service.put({f"{job.output_dir}/.keep": b""})
    copied = job.copied()
    assert copied["status"] == "finishedSuccessfully", copied
    assert job.plugin(COPY_ALL).status_code == 201
    ended = job.wait("plugin")
    assert ended["status"] == "finishedSuccessfully", ended
    assert sorted(job.files().json()["rel_file_paths"]) == [".keep", "a.txt", "home_bob_more/m.txt"]
    return job


def delete_all(job: StagedJob) -> None:
    """Remove what was copied, and forget the job."""
    assert job.delete().status_code == 201
    assert job.wait("delete")["status"] == "finishedSuccessfully"
    for kind in ("copy", "plugin", "delete"):
        assert job.api.delete(f"{kind}jobs/{job.jid}/").status_code == 204
