"""The documentation: what it links to, what it names, and what it tells readers to type is there."""

import functools
import itertools
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from support.documentation import HIDDEN, PAGES, ROOT, SETTINGS, TOP, name_of
from support.markdown import Page

from pfcon.testing.waiting import PATIENCE

BASES = {  # pages whose paths are another package's
    "adding-an-engine.md": ROOT / "tests" / "toy_engine",
    "adding-a-storage.md": ROOT / "tests" / "toy_storage",
}

OTHERS = {  # variables that are no settings of pfcon, and the file that reads them
    **dict.fromkeys(("PFCON_IMAGE",), "make.sh"),
    "PFCON_WORKER": "pfcon/compute/workers.py",
    **dict.fromkeys(("PFCON_PORT", "DOCKER_SOCKET", "DOCKER_GROUP"), "swarm/development.yml"),
    **dict.fromkeys(("PFCON_SECRETS",), "swarm/production.yml"),
    **dict.fromkeys(("DATABASE_NODE", "POSTGRES_IMAGE"), "swarm/postgresql.yml"),
    "SWIFT_IMAGE": "swarm/swift.yml",
    "S3_IMAGE": "swarm/s3.yml",
    "PFCON_ENGINES_DIR": "tests/engines/lib.sh",
    **dict.fromkeys(("PFCON_TREES", "PFCON_TREE_SUITE"), "tests/engines/generation.sh"),
    "PFCON_CI_TURN": ".ci/run",
    "DOCKERD_OPTIONS": "tests/engines/docker.sh",
    **dict.fromkeys(("PFCON_KUBERNETES_PORT", "PFCON_KUBERNETES_CACHE"), "tests/engines/kubernetes.sh"),
    "TOY_GRACE": "tests/toy_engine/pfcon_toy/description.py",
    **dict.fromkeys(("SHELF_ROOT", "SHELF_KEY"), "tests/toy_storage/pfcon_shelf/description.py"),
    "PIP_NO_INDEX": "Dockerfile",
}
FOREIGN = {
    "JOB_COMPLETION_INDEX",
    *("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID", "SLURM_NODEID", "SLURM_JOB_NODELIST", "SLURM_JOB_ID"),
    "XDG_RUNTIME_DIR",
    "XDG_CONFIG_HOME",
    "LD_PRELOAD",
    "RLIMIT_NPROC",
    "HTTPS_PROXY",
    "REQUESTS_CA_BUNDLE",
    *("FILESYSTEM_DOMAIN", "UID_DOMAIN", "CGROUP_MEMORY_LIMIT_POLICY", "STARTER_UPDATE_INTERVAL"),
    *("PERIODIC_EXPR_INTERVAL", "ASSIGN_CPU_AFFINITY", "STARTD_ATTRS", "SINGULARITY_BIND_EXPR", "DOCKER_VOLUMES"),
    "DOCKER_CONFIG",
    *("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER", "PCI_BUS_ID"),
    *("NOMAD_ALLOC_INDEX", "NOMAD_ADDR", "NOMAD_TOKEN", "NOMAD_NAMESPACE", "VC_TASK_INDEX"),
}  # Kubernetes', srun's, systemd's, setrlimit(2)'s, requests', Docker's, HTCondor's, NVIDIA's, AMD's, Nomad's ...

HELP = {  # commands, and how their -h is called without making an environment
    "./make.sh": ["./make.sh", "-h"],
    "./unmake.sh": ["./unmake.sh", "-h"],
    "tests/run.sh": ["tests/run.sh", "-h"],
    "tests/faults.sh": [sys.executable, "-m", "fault_rounds", "-h"],
    "benchmarks/run.sh": [sys.executable, "-m", "benchmarks", "-h"],
    "dev/lock.sh": ["dev/lock.sh", "-h"],
}
PYTEST_OPTIONS = {"-k", "-n", "--pdb"}  # tests/run.sh gives all that it does not know to pytest
SUBCOMMANDS = {"install", "start", "stop"}  # of tests/engines/*.sh
ENDS = re.compile(r"^[();&|<>]+$")


def page_tests(*, but: str = "") -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", [page for page in PAGES if name_of(page) != but], ids=name_of)


@page_tests()
def test_every_link_and_anchor_leads_somewhere(page: Page) -> None:
    lost = []
    for link in page.links:
        target, _, anchor = link.partition("#")
        path = (page.path.parent / target).resolve() if target else page.path
        if not path.exists() or (anchor and (path.suffix != ".md" or anchor not in Page(path).anchors)):
            lost.append(link)
    assert not lost


def test_every_page_below_docs_is_in_the_index() -> None:
    index = Page(ROOT / "docs" / "README.md")
    listed = {(index.path.parent / link.partition("#")[0]).resolve() for link in index.links} | {index.path}
    assert not [name_of(page) for page in PAGES if page.path.is_relative_to(ROOT / "docs") and page.path not in listed]


def test_the_first_page_is_short() -> None:
    assert len(Page(ROOT / "README.md").text.splitlines()) <= 150


@page_tests()
def test_every_path_in_backquotes_exists(page: Page) -> None:
    base = BASES.get(page.path.name, page.path.parent)
    assert not [span for span in page.spans if _is_path(span, base) and not _exists(span, base)]


def _is_path(span: str, base: Path) -> bool:
    if not re.fullmatch(r"[\w.*-][\w.*/-]*", span):
        return False
    if "/" not in span:
        return bool(re.fullmatch(r"[\w.-]+\.(sh|py|md|yml|yaml|cfg|toml|lock)", span))
    first = span.removeprefix("./").partition("/")[0]
    return first in TOP or (base / first).is_dir()


def _exists(span: str, base: Path) -> bool:
    """As it is written, from the repository or from beside the page; a bare name may be anywhere in the repository."""
    span = span.removeprefix("./").rstrip("/")
    if "/" not in span and any(ROOT.glob(f"{top}/**/{span}") for top in TOP - HIDDEN):
        return True
    return any(list(place.glob(span)) for place in (ROOT, base))


@page_tests()
def test_every_module_in_backquotes_exists(page: Page) -> None:
    names = {span for span in page.spans if re.fullmatch(r"pfcon(\.[a-z_0-9]+)+", span)} - {"pfcon.env"}
    assert not [name for name in names if not _module_exists(name)]


def _module_exists(name: str) -> bool:
    path = ROOT.joinpath(*name.split("."))
    return path.is_dir() or path.with_suffix(".py").is_file()


@page_tests()
def test_every_variable_is_a_setting_or_a_known_other(page: Page) -> None:
    texts = [*page.spans, *(line for block in page.blocks for line in block.commands)]
    names = {name for text in texts for name in re.findall(r"(?<![\w./-])[A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+(?![\w-])", text)}
    unknown = names - SETTINGS - OTHERS.keys() - FOREIGN
    assert not {name for name in unknown if not (name.startswith("PFCON_TEST_") and name in _tests_variables())}


@functools.cache
def _tests_variables() -> frozenset[str]:
    """What the tests and the scripts of engines read or set."""
    sources = [path for suffix in ("py", "sh") for path in (ROOT / "tests").rglob(f"*.{suffix}")]
    return frozenset(name for path in sources for name in re.findall(r"PFCON_TEST_\w+", path.read_text()))


@pytest.mark.parametrize(("name", "file"), OTHERS.items())
def test_a_variable_that_is_no_setting_is_read_by_its_file(name: str, file: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / file).read_text())
    assert name not in SETTINGS


@page_tests(but="CHANGELOG.md")  # which tells of commands as they were
def test_commands_have_the_options_that_they_are_shown_with(page: Page) -> None:
    assert not [" ".join(words) for words in _commands(page) if _wrong(words)]


def test_pages_show_many_commands() -> None:
    """Else the test above may have found none."""
    shown = {words[0] for page in PAGES for words in _commands(page)}
    assert shown >= {"./make.sh", "tests/run.sh", "tests/faults.sh", "benchmarks/run.sh", "python", "pfcon"}


def _commands(page: Page) -> Iterator[list[str]]:
    """The words of every command that is the repository's own, wherever on a page."""
    texts = [*page.spans, *(line for block in page.blocks for line in block.commands)]
    for text in [*texts, *(inner for outer in texts for inner in re.findall(r"\$\(([^()]+)\)", outer))]:
        lexer = shlex.shlex(text, posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        try:
            words = list(lexer)
        except ValueError:  # a quotation that is no command
            continue
        command: list[str] = []
        for word in [*words, ";"]:
            if ENDS.fullmatch(word):
                if command and _is_ours(command):
                    yield command
                command = []
            elif command or not re.fullmatch(r"export|\w+=.*", word):  # an environment may come first
                command.append(word)


def _is_ours(words: list[str]) -> bool:
    words[0] = {"make.sh": "./make.sh", "unmake.sh": "./unmake.sh"}.get(words[0], words[0])
    if words[0].endswith("/python"):
        words[0] = "python"
    is_module = words[0] == "python" and words[1:2] == ["-m"] and words[2].startswith("pfcon.")
    return words[0] in HELP or words[0] == "pfcon" or is_module or bool(re.match(r"tests/engines/\w+\.sh$", words[0]))


def _wrong(words: list[str]) -> bool:
    """Whether a command has an option, a subcommand, an engine or a storage that it does not accept."""
    command, *arguments = words
    if command.startswith("tests/engines/"):
        names = arguments[1:] if command.endswith("/all.sh") else []
        scripts = [ROOT / command, *(ROOT / "tests" / "engines" / f"{name}.sh" for name in names)]
        return not all(path.is_file() for path in scripts) or not set(arguments[:1]) <= SUBCOMMANDS
    if command == "pfcon" and arguments:
        if not arguments[0].startswith("-"):
            return arguments[0] not in re.findall(r"^    (\w+)  ", _help(sys.executable, "-m", "pfcon", "-h"), re.M)
        text = _help(sys.executable, "-m", "pfcon", "-h")
    elif command == "python":
        text = _help(sys.executable, "-m", arguments[1], "-h")
        arguments = arguments[2:]
    else:
        text = _help(*HELP.get(command, [sys.executable, "-m", "pfcon", "-h"]))
    known = PYTEST_OPTIONS if command == "tests/run.sh" else set()
    options = {word.partition("=")[0] for word in arguments if word.startswith("-")} - known
    values = [value for option, value in itertools.pairwise(arguments) if option in ("-O", "-F")]
    return any(not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", text) for word in (*options, *values))


@functools.cache
def _help(*words: str) -> str:
    environ = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "tests")])}
    done = subprocess.run(words, cwd=ROOT, env=environ, capture_output=True, text=True, check=True, timeout=PATIENCE)
    return done.stdout


def test_the_changelog_has_the_sections_of_its_form() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    titles = re.findall(r"^### (.*)$", text, re.MULTILINE)
    assert re.findall(r"^## (.*)$", text, re.MULTILINE)[0] == "[Unreleased]"
    assert set(titles) <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert not re.search(r"^(?!- |  |#|$|All changes)", text, re.MULTILINE), "a line that belongs to no entry"


def test_the_hooks_before_a_commit_are_checks_of_the_tests_own_environment() -> None:
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"][0]["hooks"]
    entries = [hook["entry"] for hook in hooks]
    assert all(entry.startswith(".venv-test/bin/") for entry in entries)
    script = (ROOT / "tests" / "run.sh").read_text()
    for entry in entries:
        checked = entry.removeprefix(".venv-test/bin/").removesuffix(" --force-exclude")
        assert checked.partition(" --check")[0] in script
