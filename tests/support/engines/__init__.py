"""Finds the engines, databases and other programs that tests run against, by environment.

PFCON_TEST_DOCKER, PFCON_TEST_PODMAN   URLs as in DOCKER_HOST
PFCON_TEST_PODMAN_ROOTLESS             such a URL, of a Podman of another user than root
PFCON_TEST_SWARM                       such a URL, of a manager of a Swarm of one node
PFCON_TEST_IMAGE                       image of the test jobs, present on these engines
PFCON_TEST_WORKDIR                     working directory of that image, by default that of image.sh, or else the root
PFCON_TEST_KUBECONFIG                  kubeconfig of a cluster whose nodes hold the test image
PFCON_TEST_KUBERNETES_STOREBASE        where the volume of the tests' claim is on this machine
PFCON_TEST_POSTGRESQL                  an SQLAlchemy URL
PFCON_TEST_REGISTRY                    HOST:PORT of an image registry on loopback, without TLS
PFCON_TEST_OP_IMAGE                    pfcon's own image, also for copy, upload and delete jobs, present on both engines
PFCON_TEST_SLURM_CGROUP, PFCON_TEST_SLURM_PLAIN   slurm.conf of a cluster of this machine, with and without cgroups
PFCON_TEST_SLURM_IMAGES                directory with the test image, as SLURM_IMAGES and HTCONDOR_IMAGES have it
PFCON_TEST_ENTER                       what runs a command in the tree of Slurm's commands, if they have one; as root
PFCON_TEST_MPI_IMAGE                   image with Open MPI, there
PFCON_TEST_HTCONDOR                    condor_config of a pool of this machine
PFCON_TEST_HTCONDOR_PREFIX             words before each of its commands, as HTCONDOR_PREFIX; root can't submit jobs
PFCON_TEST_SWIFT                       URL of a Swift's auth version 1, which knows the user of support.object_stores
PFCON_TEST_S3                          URL of an S3 service, which knows the same
PFCON_TEST_CEPH_SWIFT, PFCON_TEST_CEPH_S3   the same two of a radosgw
PFCON_TEST_SWIFT_PYTHON                a Python that dev/swift_server.py runs on
PFCON_TEST_KUBECTL                     path of a kubectl, where the one on PATH is too old
PFCON_TEST_CHROMIUM                    path of a Chromium, where none is on PATH
PFCON_TEST_CLIENT4                     directory that holds the package pfconclient of python-pfconclient 4
PFCON_TEST_REQUIRE                     names separated by blanks: one of these that does not answer fails its tests;
                                       the word ``all`` stands for every name, but for ``ceph-swift`` and ``ceph-s3``
"""

from .clusters import htcondor_pool, kubernetes_cluster, slurm_cluster
from .docker_api import IMAGE, WORKDIR, api_client, docker_url, podman_rootless_url, podman_url, swarm_url
from .images import mpi_image, op_image, registry, registry_host
from .programs import chromium, client4, kubectl, machine_path, unsquashfs
from .stores import ceph_s3_url, ceph_swift_url, postgresql_url, s3_url, swift_python, swift_url

__all__ = [
    "IMAGE",
    "WORKDIR",
    "api_client",
    "ceph_s3_url",
    "ceph_swift_url",
    "chromium",
    "client4",
    "docker_url",
    "htcondor_pool",
    "kubectl",
    "kubernetes_cluster",
    "machine_path",
    "mpi_image",
    "op_image",
    "podman_rootless_url",
    "podman_url",
    "postgresql_url",
    "registry",
    "registry_host",
    "s3_url",
    "slurm_cluster",
    "swarm_url",
    "swift_python",
    "swift_url",
    "unsquashfs",
]
