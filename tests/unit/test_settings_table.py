"""The declared variables, and the documentation made from them."""

import ast
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pfcon.configuration import table
from pfcon.configuration.known import KnownSettings
from pfcon.settings.variable import Mode, Variable
from pfcon.testing.waiting import PATIENCE

ALL = KnownSettings().variables
CONTRACT = (
    *("APPLICATION_MODE", "SECRET_KEY", "PFCON_USER", "PFCON_PASSWORD", "PFCON_INNETWORK", "STORAGE_ENV"),
    *(
        "STOREBASE_MOUNT",
        "CONTAINER_ENV",
        "COMPUTE_VOLUME_TYPE",
        "STOREBASE",
        "VOLUME_NAME",
        "PFCON_SELECTOR",
    ),
    *(
        "PFCON_OP_IMAGE",
        "CONTAINER_USER",
        "ENABLE_HOME_WORKAROUND",
        "SHM_SIZE",
        "JOB_LABELS",
        "JOB_LOGS_TAIL",
    ),
    *("IGNORE_LIMITS", "REMOVE_JOBS", "JOB_NAMESPACE", "NODE_SELECTOR", "IMAGE_PULL_SECRETS", "CROMWELL_URL"),
    *("TIMELIMIT_MINUTES", "SWIFT_AUTH_URL", "SWIFT_USERNAME", "SWIFT_KEY", "SWIFT_CONTAINER_NAME"),
    *("S3_ENDPOINT_URL", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_REGION_NAME", "S3_BUCKET_NAME"),
    *("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"),
)
OURS = (
    "SECRET_KEY_PREVIOUS",
    *("PFCON_BIND", "PFCON_WORKERS", "PFCON_THREADS", "PFCON_GRACEFUL_TIMEOUT"),
    *("PFCON_HEADER_TIMEOUT", "PFCON_IDLE_TIMEOUT"),
    *("PFCON_MAX_UPLOAD_BYTES", "PFCON_MAX_UNPACKED_BYTES", "PFCON_MAX_FILES", "PFCON_MAX_RATIO"),
    *("PFCON_MIN_FREE_BYTES", "PFCON_MAX_FORM_BYTES", "PFCON_DATABASE_URL", "PFCON_PIDS_LIMIT"),
    *("PFCON_WEBHOOK_URL", "PFCON_WEBHOOK_SECRET"),
    *("PFCON_MAX_ACTIVE_JOBS", "PFCON_MAX_ACTIVE_JOBS_PER_OWNER", "PFCON_RETENTION_DAYS", "PFCON_ORPHANS_DAYS"),
    *("PFCON_LOG_FORMAT", "PFCON_LOG_LEVEL", "PFCON_AUDIT_FILE"),
    "PFCON_URL",
    *("PFCON_METRICS_BIND", "PFCON_METRICS_TOKEN"),
    *("PFCON_PASSABLE", "PFCON_LOG_BYTES", "PFCON_MESSAGE_IN_LOG"),
    *("PFCON_DELETE_ACTIVE", "PFCON_ALLOW_PROCESS", "PROCESS_GPUS"),
    *("SWIFT_AUTH_VERSION", "SWIFT_PROJECT_NAME", "SWIFT_REGION_NAME"),
    *("SWIFT_PROJECT_DOMAIN_NAME", "SWIFT_USER_DOMAIN_NAME", "KUBECONFIG", "KUBERNETES_DEADLINE_MINUTES"),
    "KUBERNETES_GPU_RESOURCE",
    *("SLURM_PARTITION", "SLURM_ACCOUNT", "SLURM_QOS", "SLURM_CONSTRAINT", "SLURM_GPU_GRES", "SLURM_OPTIONS"),
    *("SLURM_LAUNCHER", "SLURM_LAUNCHER_COMMAND", "SLURM_MPI", "SLURM_PREFIX", "SLURM_TIMEOUT", "SLURM_IMAGES"),
    *("SLURM_CACHE_BYTES", "SLURM_CDI"),
    *("HTCONDOR_POOL", "HTCONDOR_SCHEDD", "HTCONDOR_REQUIREMENTS", "HTCONDOR_RANK", "HTCONDOR_ACCOUNTING_GROUP"),
    *(
        "HTCONDOR_CONCURRENCY_LIMITS",
        "HTCONDOR_SUBMIT",
        "HTCONDOR_LAUNCHER",
        "HTCONDOR_LAUNCHER_COMMAND",
        "HTCONDOR_PREFIX",
        "HTCONDOR_TIMEOUT",
    ),
    *("HTCONDOR_IMAGES", "HTCONDOR_CACHE_BYTES", "HTCONDOR_CDI"),
)
DOCUMENT = "# Title\n<!-- settings:begin -->\nstale content\n<!-- settings:end -->\nmore\n"


@pytest.fixture
def readme(tmp_path: Path) -> Path:
    """A file with the markers and a stale table."""
    path = tmp_path / "README.md"
    path.write_text(DOCUMENT)
    return path


def test_the_variables_are_those_of_the_interface_and_ours() -> None:
    assert sorted(variable.name for variable in ALL) == sorted(CONTRACT + OURS)


@pytest.mark.parametrize("mode", list(Mode))
@pytest.mark.parametrize("variable", ALL, ids=lambda variable: variable.name)
def test_every_default_is_a_value_that_the_variable_accepts(variable: Variable[object], mode: Mode) -> None:
    text = variable.default_in(mode)
    if text is not None:
        variable.kind.parse(text)


def test_every_variable_has_one_row_that_says_what_it_accepts() -> None:
    rows = [line for line in table.markdown().splitlines() if line.startswith("| `")]
    assert len(rows) == len(ALL)
    for variable, row in zip(ALL, rows, strict=True):
        assert row.startswith(f"| `{variable.name}`")
        assert variable.kind.accepts in row
        assert row.count("|") == 5


def test_secrets_have_no_value_in_the_table() -> None:
    secrets = [variable for variable in ALL if variable.secret]
    assert {variable.name for variable in secrets} == {
        *("SECRET_KEY", "SECRET_KEY_PREVIOUS", "PFCON_PASSWORD", "PFCON_DATABASE_URL", "PFCON_WEBHOOK_SECRET"),
        *("PFCON_METRICS_TOKEN", "SWIFT_KEY", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    }
    for variable in secrets:
        for value in {variable.default_in(mode) for mode in Mode} - {None}:
            assert str(value) not in table.markdown()


def test_the_options_table_marks_the_engines_that_have_an_option() -> None:
    rows = table.options_markdown().splitlines()
    assert rows[0] == "| Option or field | docker | swarm | kubernetes | slurm | htcondor | cromwell | process |"
    (found,) = (row for row in rows if row.startswith("| `SHM_SIZE` |"))
    assert found.startswith("| `SHM_SIZE` | yes | yes | yes | ")


def test_only_what_is_between_the_markers_is_rewritten(readme: Path) -> None:
    assert table.main([str(readme)]) == 0
    text = readme.read_text()
    assert text.startswith("# Title\n<!-- settings:begin -->\n\n**Service**\n\n| Variable |")
    assert text.endswith("|\n\n<!-- settings:end -->\nmore\n")
    assert table.markdown() in text
    assert "stale content" not in text


@pytest.mark.parametrize(("name", "content"), [("options", table.options_markdown), ("own", table.own_markdown)])
def test_a_second_table_is_written_where_it_has_markers(readme: Path, name: str, content: Callable[[], str]) -> None:
    readme.write_text(DOCUMENT + f"<!-- {name}:begin --><!-- {name}:end -->\n")
    assert table.main([str(readme)]) == 0
    assert content() in readme.read_text()


def test_check_tells_a_stale_table_and_writes_nothing(readme: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main(["--check", str(readme)]) == 1
    assert readme.read_text() == DOCUMENT
    assert "stale" in capsys.readouterr().err
    assert table.main([str(readme)]) == 0
    assert table.main(["--check", str(readme)]) == 0


@pytest.mark.parametrize("text", ["no markers\n", "<!-- settings:end --> <!-- settings:begin -->\n"])
def test_a_file_without_markers_is_left_alone(readme: Path, text: str, capsys: pytest.CaptureFixture[str]) -> None:
    readme.write_text(text)
    assert table.main([str(readme)]) == 2
    assert readme.read_text() == text
    assert "<!-- settings:begin -->" in capsys.readouterr().err


def test_an_absent_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert table.main([str(tmp_path / "absent.md")]) == 2
    assert "absent.md" in capsys.readouterr().err


def test_the_command_runs_by_its_name_without_a_warning(readme: Path) -> None:
    command = [sys.executable, "-W", "error", "-m", "pfcon.configuration.table", "--check", str(readme)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert done.returncode == 1
    assert done.stderr.startswith(f"{readme}: outdated")


def test_importing_the_settings_imports_no_third_party_library() -> None:
    probe = "import sys, pfcon.settings; print([n for n in ('environs', 'marshmallow', 'dotenv') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=PATIENCE)
    assert ast.literal_eval(done.stdout) == []
