"""pfcon from its own image: who it is, how it finds its storeBase on the engine, and jobs beside it."""

import pytest
from support.container_jobs import delete_all, run_fslink_job, run_zip_job
from support.containers import STOREBASE, MakeService, ServiceContainer, ways_in
from support.engines import docker_url, op_image
from support.live import COPY_ALL, Api, make_zip, new_jid

import pfcon
from pfcon.testing.waiting import PATIENCE, eventually

VERSION_LABEL = "org.opencontainers.image.version"

FSLINK = {"PFCON_INNETWORK": "true", "STORAGE_ENV": "fslink"}


def test_a_zip_job_on_the_volume_that_the_service_s_own_label_leads_to(make_service: MakeService) -> None:
    service = make_service().start()
    run_zip_job(service)
    assert service.execute("ls", STOREBASE) == (0, "")


def test_an_fslink_job_whose_operations_run_beside_the_service(make_service: MakeService) -> None:
    service = make_service(**FSLINK).start()
    delete_all(run_fslink_job(service))
    assert service.execute("ls", STOREBASE) == (0, "home\n")


def test_an_fslink_job_on_a_named_volume_whose_operations_are_containers_of_the_same_image(
    make_service: MakeService,
) -> None:
    service = make_service(by_name=True, PFCON_OP_IMAGE=op_image(), **FSLINK)
    if service.userns:
        pytest.skip("operations run as the service's user, who is another one in a rootless Podman's other containers")
    service.start()
    job = run_fslink_job(service)
    operation = service.client.inspect_container(f"{job.jid}-copy")
    assert operation["Config"]["User"] == service.user
    assert operation["Config"]["Labels"][VERSION_LABEL] == pfcon.__version__
    delete_all(job)
    assert service.execute("ls", STOREBASE) == (0, "home\n")


def test_the_image_says_what_it_is_and_runs_as_nobody_special(make_service: MakeService) -> None:
    service = make_service().start()
    image = service.client.inspect_image(service.image)["Config"]
    assert image["User"] == "1001:1001"
    assert image["Labels"][VERSION_LABEL] == pfcon.__version__
    assert list(image["ExposedPorts"]) == ["5005/tcp"]
    assert service.execute("id", "-u") == (0, "1001\n")
    answer = (0, "pfcon answers at 127.0.0.1:5005\n")
    assert eventually(lambda: service.execute("pfcon", "health") == answer), service.execute("pfcon", "health")
    status, told = service.execute("pfcon", "check")
    assert status == 0, told


@pytest.mark.engine("docker")
def test_the_engine_sees_that_the_service_is_healthy() -> None:
    url = docker_url()  # Podman leaves checks to systemd, and its images (of the OCI's format) have none
    service = ServiceContainer(url, op_image(), **ways_in("docker", url))
    try:
        service.start()
        assert service.inspect()["Config"]["Healthcheck"]["Test"] == ["CMD", "pfcon", "health"]
        assert eventually(lambda: service.inspect()["State"]["Health"]["Status"] == "healthy")
    finally:
        service.stop()


def test_a_label_that_no_container_has_is_told_to_who_posts_a_job(make_service: MakeService) -> None:
    service = make_service(PFCON_SELECTOR="no.such.label").start()
    api, jid = Api(service.url), new_jid()
    answer = api.submit(jid, COPY_ALL, make_zip({"a.txt": "alpha"}))
    assert answer.status_code == 400, answer.text
    assert "no running container has the label 'no.such.label'; set VOLUME_NAME" in answer.json()["message"]


def test_a_volume_that_the_service_s_user_may_not_write_to_ends_it_with_the_reason(make_service: MakeService) -> None:
    service = make_service(user="4242:4242")
    service.create()
    assert service.client.wait(service.name, timeout=int(PATIENCE))["StatusCode"] == 2
    assert f"STOREBASE_MOUNT: got '{STOREBASE}', where this user can't write" in service.log()
