"""A check that the list of a contract lacks, or a topic that no module here imports, would not run."""

import ast
import inspect
import re
from pathlib import Path
from types import ModuleType

import pytest

from pfcon.testing import compute, storage
from pfcon.testing.compute import contract as compute_contract
from pfcon.testing.storage import contract as storage_contract

CONTRACTS = [
    (compute, compute_contract, "compute", "Harness"),
    (storage, storage_contract, "harness", "StorageHarness"),
]
IMPORTS_ALL = re.compile(r"^from (pfcon\.testing\S+) import \*", re.MULTILINE)


def written_in(package: ModuleType) -> list[tuple[str, str]]:
    """Each test function of a package's modules, as its module and its name."""
    return [
        (f"{package.__name__}.{path.stem}", node.name)
        for path in Path(package.__path__[0]).glob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")
    ]


@pytest.mark.parametrize(("package", "contract", "fixture", "kind"), CONTRACTS, ids=["compute", "storage"])
def test_every_check_that_takes_a_harness_is_in_the_contract(
    package: ModuleType, contract: ModuleType, fixture: str, kind: str
) -> None:
    written = written_in(package)
    assert len(written) > 15
    assert sorted((check.__module__, check.__name__) for check in package.CONTRACT) == sorted(written)
    for check in package.CONTRACT:
        parameters = inspect.signature(check).parameters.values()
        assert [(found.name, found.annotation.__name__) for found in parameters] == [(fixture, kind)], check
    names = [check.__name__ for check in package.CONTRACT]
    assert len(set(names)) == len(names), "one of two checks of a name would not run where both are imported"
    assert contract.__all__ == names


def test_every_topic_is_run_against_every_engine_and_storage() -> None:
    imported = [
        name for path in Path(__file__).parent.glob("test_*.py") for name in IMPORTS_ALL.findall(path.read_text())
    ]
    topics = [topic.__name__ for topic in compute_contract.TOPICS]
    assert sorted(imported) == sorted([*topics, storage_contract.__name__])
