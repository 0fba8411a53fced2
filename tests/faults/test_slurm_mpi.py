"""The workers of a job as one MPI program over PMIx (Slurm's "MPI Users Guide"), on a real Slurm."""

import re
from collections.abc import Callable

import pytest
from support.engines import mpi_image, slurm_cluster
from support.slurm import default_mode, slurm_engine, slurm_harness

from pfcon.models import JobStatus, Resources
from pfcon.paths import StoreBase

REACH = """
import os, socket
for variable in ("PMIX_SERVER_URI2", "PMIX_SERVER_URI21"):
    address, port = os.environ[variable].partition("://")[2].split(":")
    socket.create_connection((address, int(port)), 10).close()
print(os.environ["PMIX_RANK"], os.path.ismount(os.environ["PMIX_SERVER_TMPDIR"]), flush=True)
"""
# The guide's hello, then a message around the ring of all ranks. Open MPI's handles are the addresses of its globals.
HELLO = """
import ctypes, socket
mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)
world, number = (ctypes.byref(ctypes.c_char.in_dll(mpi, name)) for name in ("ompi_mpi_comm_world", "ompi_mpi_int"))
mpi.MPI_Init(None, None)
rank, size, got = ctypes.c_int(), ctypes.c_int(), ctypes.c_int()
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
mpi.MPI_Comm_size(world, ctypes.byref(size))
sent, after, before = ctypes.c_int(rank.value + 100), (rank.value + 1) % size.value, (rank.value - 1) % size.value
mpi.MPI_Sendrecv(ctypes.byref(sent), 1, number, after, 0, ctypes.byref(got), 1, number, before, 0, world, None)
print(f"Hello World from rank {rank.value} of {size.value} on {socket.gethostname()}, got {got.value}", flush=True)
mpi.MPI_Finalize()
"""
Run = Callable[[str, str, str], list[str]]


@pytest.fixture
def run(storebase: StoreBase) -> Run:
    """Runs a program of Python with two workers over PMIx, and returns the lines of its log, sorted."""

    def lines(launcher: str, program: str, image: str) -> list[str]:
        slurm = slurm_harness(storebase.root, launcher=launcher)
        slurm.engine = slurm_engine(slurm_cluster(default_mode()), storebase.root, launcher=launcher, mpi="pmix")
        env = (("OMPI_MCA_btl", "self,tcp"),)
        spec = slurm.spec(["python3", "-c", program], image=image, env=env, resources=Resources(workers=2))
        info = slurm.run(spec)
        log = slurm.engine.logs(spec.name, 50)
        slurm.close()
        assert info.status is JobStatus.SUCCEEDED, (info.message, log)
        return sorted(log.splitlines())

    return lines


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", ["crun", "runc"])
def test_with_pmix_each_worker_has_a_rank_and_reaches_the_server_of_its_node(run: Run, launcher: str) -> None:
    assert run(launcher, REACH, mpi_image()) == ["0 True", "1 True"]


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", ["crun", "runc"])
def test_two_workers_are_the_ranks_of_one_mpi_program_and_send_each_other_messages(run: Run, launcher: str) -> None:
    found = [re.sub(r" on \S+,", ",", line) for line in run(launcher, HELLO, mpi_image())]
    assert found == ["Hello World from rank 0 of 2, got 101", "Hello World from rank 1 of 2, got 100"]
