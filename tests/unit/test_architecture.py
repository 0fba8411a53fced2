"""Imports point one way: api -> jobs -> {storage, compute, records} -> types that everyone may import.

Within compute, the engines do not know each other: what several need is beside ``base``. ``docker`` and ``swarm`` share
``docker_api``; ``htcondor`` uses the node side of ``slurm``, see NODE_SIDE; ``engines`` alone knows all of them.

Within object storage, ``store`` is the interface: ``listing``, ``download`` and ``upload`` use it, ``swift`` and ``s3``
implement it, and neither side knows the other. See OBJECT_FLOORS.
"""

import ast
from collections.abc import Iterator
from graphlib import TopologicalSorter
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
    ["about", "docs_tables"],
    ["reasons"],
    ["errors", "units", "printing", "network", "compact", "polling", "token_bucket"],
    ["models", "service_log", "__init__"],
    ["files", "background", "workers"],
    ["paths", "command", "settings", "links", "metrics"],
    ["auth", "logins", "os_errors", "archive", "progress", "reservation", "spelling"],
    ["storage", "compute", "records", "orders"],
    ["configuration"],
    ["operations"],
    ["jobs", "events"],
    ["api", "front"],
    ["app", "check", "health", "commands", "client"],
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
    "prometheus_client": {"metrics", "jobs"},
    "pytest": {"testing"},
    **{name: {"storage"} for name in ("swiftclient", "keystoneauth1", "boto3", "botocore")},
}
# The packages of object storage, and which of the others each may import. All may import the modules beside them, which
# import none of them. From outside only the entry points are imported.
OBJECTS = "pfcon.storage.objects"
OBJECT_FLOORS: dict[str, set[str]] = {
    "listing": set(),
    "download": {"listing"},
    "upload": set(),
    "swift": set(),
    "s3": set(),
}
OBJECT_ENTRIES = {"download.fetch", "upload.outputs", "swift.description", "s3.description"}
MODULES = sorted(path.relative_to(ROOT) for path in ROOT.rglob("*.py"))
KNOWS_KINDS = (
    "jobs/kinds/",  # where they belong
    "models/",  # defines them, and their names on engines
    "api/staged_jobs.py",  # has a resource for each: they are named in URLs
)
# What engines of batch systems share: the jobs' directories, scripts, launchers, images. None of it asks Slurm.
NODE_SIDE = {
    *(
        "abilities",
        "cdi",
        "commands",
        "ends",
        "folder",
        "folder_engine",
        "folder_lister",
        "folders",
        "launchers",
        "names",
    ),
    *("node_job", "probe", "reasons", "required", "settings", "spec", "submission", "submitting_user", "template"),
}
ENGINE_PACKAGES = {path.parent.name for path in (ROOT / "compute").glob("*/__init__.py")}
OBJECT_MODULES = [path for path in MODULES if path.parts[:2] == ("storage", "objects")]
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


def module_name(path: Path) -> str:
    return ".".join(("pfcon", *path.with_suffix("").parts)).removesuffix(".__init__")


def imported_modules(path: Path, *, in_functions: bool = True) -> set[str]:
    """The modules of pfcon that a module imports, also those that it imports as names of their package."""
    found = set()
    nodes: list[ast.AST] = [ast.parse((ROOT / path).read_text())]
    while nodes:
        node = nodes.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {node.module, *names}
        if in_functions or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            nodes += ast.iter_child_nodes(node)
    return found & {module_name(other) for other in MODULES}


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
            shared = engine == "htcondor" and other == "slurm" and name.split(".")[3] in NODE_SIDE
            assert shared or other in allowed or other not in ENGINE_PACKAGES, f"{path} imports {name}"


def floor_of(name: str) -> str:
    """The package of object storage that a module is in; "" for the modules beside these packages."""
    first = name.removeprefix(OBJECTS + ".").partition(".")[0]
    return first if first in OBJECT_FLOORS else ""


@pytest.mark.parametrize("path", OBJECT_MODULES, ids=str)
def test_a_floor_of_object_storage_imports_only_what_it_may(path: Path) -> None:
    floor = floor_of(module_name(path))
    for name in imported_modules(path):
        if name.startswith(OBJECTS + "."):
            other = floor_of(name)
            assert other in {"", floor} | OBJECT_FLOORS.get(floor, set()), f"{path} imports {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if path not in OBJECT_MODULES], ids=str)
def test_floors_of_object_storage_are_entered_by_their_entry_points(path: Path) -> None:
    for name in imported_modules(path):
        if name.startswith(OBJECTS + ".") and floor_of(name):
            assert name.removeprefix(OBJECTS + ".") in OBJECT_ENTRIES, f"{path} imports {name}"


def test_all_packages_of_object_storage_are_floors() -> None:
    packages = {path.parent.name for path in (ROOT / "storage/objects").glob("*/__init__.py")}
    assert packages == set(OBJECT_FLOORS)


def test_modules_of_object_storage_do_not_import_each_other_in_a_circle() -> None:
    """Not for type checking either. An import within a function is none: a description makes its store lazily."""
    graph = {module_name(path): imported_modules(path, in_functions=False) for path in OBJECT_MODULES}
    known = {name: {other for other in others if other in graph} for name, others in graph.items()}
    list(TopologicalSorter(known).static_order())  # raises CycleError, which names the modules


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


@pytest.mark.parametrize("path", [path for path in MODULES if not str(path).startswith(KNOWS_KINDS)], ids=str)
def test_no_module_but_those_of_the_kinds_compares_kinds_of_jobs(path: Path) -> None:
    """What differs is a hook of ``Kind``. A module may still name the kind of the job that it asks for."""
    assert list(compared_kinds((ROOT / path).read_text())) == []


@pytest.mark.parametrize("path", [path for path in MODULES if path.parts[0] == "jobs"], ids=str)
def test_a_step_of_a_job_imports_no_kind(path: Path) -> None:
    """It finds the kind in its context, which knows their common type alone. The service joins steps and kinds.

    ``make_context`` puts all kinds into the context.
    """
    found = {name for name in imports(path) if name.startswith("pfcon.jobs.kinds")}
    if path.name == "context.py":
        found.remove("pfcon.jobs.kinds.base")
    assert not found or path.parts[1] in ("kinds", "service.py", "make_context.py", "__init__.py"), (
        f"{path} imports {found}"
    )


@pytest.mark.parametrize(
    "text",
    [
        "if kind is JobKind.COPY: pass",
        "x = JobKind.COPY != kind",
        "x = record.kind in (JobKind.COPY, JobKind.DELETE)",
        "x = kind not in {models.JobKind.COPY}",
        "x = kind.value == JobKind.COPY.value",
        'x = kind == JobKind("copy")',
        "x = {JobKind.COPY: 1}[kind]",
        "match kind:\n    case JobKind.UPLOAD | JobKind.COPY: pass",
    ],
)
def test_a_comparison_of_kinds_of_jobs_is_found(text: str) -> None:
    assert list(compared_kinds(text))


@pytest.mark.parametrize("text", ["x = journal.get(jid, JobKind.COPY) is None", "x = spec(kind=JobKind.COPY)"])
def test_naming_a_kind_of_job_is_no_comparison(text: str) -> None:
    assert not list(compared_kinds(text))


def compared_kinds(text: str) -> Iterator[int]:
    """The lines that compare something with a member of JobKind, or have one as a key of a dictionary."""
    for node in ast.walk(ast.parse(text)):
        match node:
            case ast.Compare():
                compared = [node.left, *node.comparators]
            case ast.Dict():
                compared = [key for key in node.keys if key is not None]
            case ast.MatchValue():
                compared = [node.value]
            case _:
                continue
        if any(map(_is_kind, compared)):
            yield node.lineno


def _is_kind(node: ast.expr) -> bool:
    match node:
        case ast.Tuple() | ast.List() | ast.Set():
            return any(map(_is_kind, node.elts))
        case ast.Call():
            return _is_name_of_kinds(node.func)
        case ast.Attribute():
            return _is_name_of_kinds(node.value) or _is_kind(node.value)
    return False


def _is_name_of_kinds(node: ast.expr) -> bool:
    match node:
        case ast.Name(id="JobKind") | ast.Attribute(attr="JobKind"):
            return True
    return False
