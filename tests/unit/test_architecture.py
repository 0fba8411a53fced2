"""Imports point one way: api -> jobs -> {storage, compute, records} -> types that everyone may import.

Within compute, the engines do not know each other: what several need is beside ``base``. ``docker`` and ``swarm`` share
``docker_api``; ``engines`` alone knows all of them.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import pfcon
from pfcon.compute.engines import ENGINES
from pfcon.compute.settings import JobOption
from pfcon.configuration.known import KnownSettings
from pfcon.storage.storages import STORAGES

ROOT = Path(pfcon.__file__).parent

# From the bottom to the top: a module imports only from layers below its own, or from its own package.
LAYERS = [
    ["errors", "units", "network", "compact", "polling", "workers"],
    ["models", "background", "__init__"],
    ["files"],
    ["paths", "command", "settings", "links"],
    ["auth", "logins", "os_errors", "archive", "progress", "reservation", "spelling"],
    ["storage", "compute", "records"],
    ["configuration"],
    ["operations"],
    ["jobs"],
    ["api", "front"],
    ["app", "check", "health"],
    ["server"],
    ["__main__"],
    ["testing"],  # for tests alone: nothing else of pfcon imports it
]
LEVEL = {name: level for level, names in enumerate(LAYERS) for name in names}
THIRD_PARTY = {
    "flask": {"api", "app"},
    "flask_restful": {"api", "app"},
    "gunicorn": {"front", "server"},
    "sqlalchemy": {"records"},
    "pytest": {"testing"},
    **{name: {"storage"} for name in ("swiftclient", "keystoneauth1", "boto3", "botocore")},
}
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
ENGINE_PACKAGES = {path.parent.name for path in (ROOT / "compute").glob("*/__init__.py")}
ENGINE_MODULES = [path for path in MODULES if path.parts[0] == "compute" and path.name != "engines.py"]


def part(path: Path) -> str:
    return path.parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_module_imports_only_from_below(path: Path) -> None:
    assert part(path) in LEVEL, f"{part(path)} has no place in the layers yet"
    for name in imports(path):
        if not name.startswith("pfcon."):
            continue
        other = name.split(".")[1]
        assert other == part(path) or LEVEL[other] < LEVEL[part(path)], f"{path} imports {name}"


@pytest.mark.parametrize("path", ENGINE_MODULES, ids=str)
def test_an_engine_knows_no_other(path: Path) -> None:
    engine = path.parts[1].removesuffix(".py")
    allowed = {engine} | ({"docker_api"} if engine in ("docker", "swarm") else set())
    for name in imports(path):
        if name.startswith("pfcon.compute."):
            other = name.split(".")[2]
            assert other in allowed or other not in ENGINE_PACKAGES, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_frameworks_stay_in_their_rooms(path: Path) -> None:
    for name in imports(path):
        rooms = THIRD_PARTY.get(name.split(".")[0])
        assert rooms is None or part(path) in rooms, f"{path} imports {name}"


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_a_room_is_small(path: Path) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= 300


def test_no_two_test_modules_share_a_name() -> None:
    """pytest imports them by their names alone."""
    names = [path.name for path in Path(__file__).parents[1].rglob("test_*.py")]
    assert len(names) == len(set(names))


def test_every_setting_is_declared_once() -> None:
    """By one call of ``setting``, or of ``Variable`` where it is no part of a section."""
    declared = [name for path in MODULES for name in _declared(ast.parse((ROOT / path).read_text()))]
    assert sorted(declared) == sorted(str(variable.name) for variable in KnownSettings().variables)


def _declared(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("setting", "Variable"):
            match node.args[:1]:
                case [ast.Constant(value=str(name))]:
                    yield name
                case [ast.Attribute(value=ast.Name(id="JobOption"), attr=option)]:
                    yield JobOption[option].value


@pytest.mark.parametrize("path", MODULES, ids=str)
def test_no_component_is_named_outside_its_package_and_the_list(path: Path) -> None:
    """An engine's own package may name another one: Slurm starts containers with Podman, too."""
    names = set[str]()
    if not (path.parts[0] == "compute" and (len(path.parts) > 2 or path.name == "engines.py")):
        names |= {name for engine in ENGINES.built_in for name in (engine.name, *engine.aliases)}
    if path.parts[0] != "storage":
        names |= {storage.name for storage in STORAGES.built_in}
    texts = {node.value for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Constant)}
    assert not texts & names
