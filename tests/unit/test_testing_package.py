"""pfcon.testing as other packages use it; the service itself never imports it."""

import inspect
import os
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import pfcon.testing
from pfcon.testing.storage import CONTRACT as STORAGE_CONTRACT
from pfcon.testing.waiting import PATIENCE

ENGINES = ["docker", "podman", "swarm", "kubernetes", "slurm", "charliecloud", "cromwell", "compute.process"]
STORAGES = ["swift", "s3", "zipfile", "fslink", "storage.filesystem"]
TESTS = Path(__file__).parents[1]
PACKAGE = """
from pfcon.compute.process.engine import ProcessEngine
from support.storages import FslinkHarness as MyHarness

class MyEngine(ProcessEngine):
    def __init__(self, storebase, url):
        super().__init__(storebase, stop_grace=2)
"""
MUTE = """
    def check(self):
        return ""
"""
ALL_MODULES = """
import importlib, pkgutil, sys
import pfcon

def look(path, prefix):
    for module in pkgutil.iter_modules(path, prefix):
        if module.name != "pfcon.testing" and not module.name.endswith("__main__"):
            imported = importlib.import_module(module.name)
            if module.ispkg:
                look(imported.__path__, module.name + ".")

look(pfcon.__path__, "pfcon.")
import pfcon.__main__
"""
TELL_MODULES = "\nprint(*sorted(sys.modules))"


def python(*words: str, cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a Python that imports the same pfcon and nothing of the tests, unless ``environ`` says so."""
    path = os.pathsep.join([*filter(None, [environ.pop("PYTHONPATH", "")]), str(Path(pfcon.__path__[0]).parent)])
    variables = {**os.environ, "PYTHONPATH": path, **environ}
    command = [sys.executable, *words]
    return subprocess.run(
        command, cwd=cwd, env=variables, capture_output=True, text=True, timeout=PATIENCE, check=False
    )


def modules_after(script: str, cwd: Path) -> set[str]:
    """The modules that are imported once a script has run."""
    done = python("-c", f"import sys\n{script}{TELL_MODULES}", cwd=cwd)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


def examples() -> list[str]:
    """The modules of tests that the package's docstring shows."""
    indented = re.compile(r"::\n\n((?: {4}.*\n|\n)+)")
    return [textwrap.dedent(found) for found in indented.findall(inspect.getdoc(pfcon.testing) or "")]


def run_outside(directory: Path, package: str, tests: str, *words: str, **environ: str) -> str:
    """Run a module of tests beside a package of somebody else's; returns what pytest prints."""
    (directory / "pytest.ini").write_text("[pytest]\naddopts = -rs --strict-markers\nfilterwarnings = error\n")
    (directory / "my_package.py").write_text(package)
    (directory / "test_it.py").write_text(tests)
    path = f"{directory}{os.pathsep}{TESTS}"
    own = ("-m", "pytest", "-v", "-p", "no:cacheprovider", f"--basetemp={directory / 'tmp'}")
    return python(*own, *words, cwd=directory, PYTHONPATH=path, **environ).stdout


def test_no_module_of_the_service_imports_it(tmp_path: Path) -> None:
    imported = modules_after(ALL_MODULES, tmp_path)
    assert {"pfcon.app", "pfcon.server", "pfcon.compute.swarm.engine", "pfcon.storage.objects.s3.store"} <= imported
    assert not {name for name in imported if name.split(".")[0] in ("pytest", "_pytest")}
    assert not {name for name in imported if name.startswith("pfcon.testing")}


def test_the_plugin_imports_nothing_else_of_pfcon(tmp_path: Path) -> None:
    imported = modules_after("import pfcon.testing.plugin", tmp_path)
    assert {name for name in imported if name.split(".")[0] == "pfcon"} == {
        "pfcon",
        "pfcon.testing",
        "pfcon.testing.plugin",
    }


def test_an_engine_of_another_package_runs_the_contract_as_the_docstring_shows(tmp_path: Path) -> None:
    compute, _ = examples()
    told = run_outside(tmp_path, PACKAGE, compute, "-k", "tells_its_exit_code or shared_memory")
    assert re.search(r"test_it\.py::test_a_failing_job_tells_its_exit_code PASSED", told), told
    assert "my engine's nodes decide on /dev/shm" in told
    assert re.search(r"1 passed, 1 skipped, \d+ deselected", told), told


def test_a_failed_check_shows_the_values_that_it_compared(tmp_path: Path) -> None:
    """Also where pytest is told of the plugin: for one that it finds, it rewrites the assertions of all of pfcon."""
    compute, _ = examples()
    words = ["-p", "pfcon.testing.plugin", "-k", "sign_of_life"]
    told = run_outside(tmp_path, PACKAGE + MUTE, compute, *words, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert re.search(r"^E +AssertionError: assert ''$", told, re.MULTILINE), told


def test_a_storage_of_another_package_runs_the_contract_as_the_docstring_shows(tmp_path: Path) -> None:
    _, storage = examples()
    told = run_outside(tmp_path, PACKAGE, storage)
    assert f" {len(STORAGE_CONTRACT)} passed in " in told, told


@pytest.mark.parametrize("name", [*ENGINES, *STORAGES])
def test_a_contract_knows_no_engine_and_no_storage_by_its_name(name: str) -> None:
    for path in Path(pfcon.testing.__path__[0]).rglob("*.py"):
        assert name not in path.read_text().casefold(), path
