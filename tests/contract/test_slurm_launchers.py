"""What runs containers on a Slurm cluster, with cgroups and without: the core of the compute contract for each.

``test_compute`` and its like run all of it with the default.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
import test_compute as life
import test_compute_jobs as sights
import test_compute_needs as limits
from support.compute import Harness
from support.slurm import default_mode, slurm_harness

from pfcon.paths import StoreBase

CORE: list[Callable[[Harness], None]] = [
    life.test_a_failing_job_tells_its_exit_code,
    life.test_a_command_that_does_not_exist_is_named,
    limits.test_a_job_above_its_memory_limit_fails_and_the_limit_is_told,
    life.test_remove_stops_a_running_job_and_frees_its_name,
    life.test_cancel_ends_the_job_says_so_and_keeps_its_log,
    life.test_cancel_stops_what_left_the_jobs_session,
    life.test_a_job_that_ignores_sigterm_is_killed_in_the_end,
    sights.test_outputs_are_written,
    sights.test_inputs_cannot_be_changed,
    sights.test_arguments_arrive_verbatim,
    sights.test_environment_values_arrive_verbatim,
    sights.test_a_job_that_opens_its_stderr_anew_keeps_its_log,
]
LAUNCHERS = ["crun", "runc", "charliecloud", "container"]


@pytest.mark.engine("slurm")
@pytest.mark.parametrize("launcher", LAUNCHERS)
@pytest.mark.parametrize("mode", ["cgroup", "plain"])
def test_the_core_of_the_contract_holds(mode: str, launcher: str, storebase: StoreBase) -> None:
    if (mode, launcher) == (default_mode(), "crun"):
        pytest.skip("all of the contract runs so")
    if launcher == "runc" and mode == "plain":
        pytest.skip("runc is tried with cgroups, where it is the odd one")
    harness = slurm_harness(storebase.root, mode, launcher)
    try:
        with ThreadPoolExecutor(len(CORE)) as pool:  # they wait for Slurm most of the time
            for check, result in [(check, pool.submit(check, harness)) for check in CORE]:
                fault = result.exception()
                assert fault is None, f"{check.__name__}: {fault}"
    finally:
        harness.close()
