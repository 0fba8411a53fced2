"""Where settings come from: the environment, ``.env``, and files of secrets."""

from pathlib import Path

import pytest
from support.settings_faults import DEV, PROD

from pfcon.configuration import load
from pfcon.configuration.known import KnownSettings
from pfcon.errors import ConfigurationError

ALL = KnownSettings().variables


def faults(environ: dict[str, str]) -> list[str]:
    """What ``load`` has against the settings."""
    with pytest.raises(ConfigurationError) as caught:
        load(environ)
    assert all(line in str(caught.value) for line in caught.value.faults)
    return caught.value.faults


@pytest.fixture
def empty_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current directory, without ``.env``; no variable of pfcon is set."""
    monkeypatch.chdir(tmp_path)
    for variable in ALL:
        monkeypatch.delenv(variable.name, raising=False)
        monkeypatch.delenv(f"{variable.name}_FILE", raising=False)
    return tmp_path


@pytest.mark.parametrize("content", ["s3cr3t of mine", "s3cr3t of mine\n", "s3cr3t of mine\r\n"])
def test_a_secret_comes_from_its_file_without_the_newline_at_its_end(tmp_path: Path, content: str) -> None:
    (tmp_path / "password").write_text(content, newline="")
    found = load(DEV | {"PFCON_PASSWORD_FILE": str(tmp_path / "password")})
    assert found.auth.password == "s3cr3t of mine"


def test_blanks_around_a_user_s_name_are_dropped_wherever_it_comes_from(tmp_path: Path) -> None:
    (tmp_path / "user").write_text(" chris \n")
    assert load(DEV | {"PFCON_USER_FILE": str(tmp_path / "user")}) == load(DEV | {"PFCON_USER": " chris "})


def test_every_secret_and_the_user_names_may_come_from_files(tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:hush@db/pfcon\n")
    assert load(DEV | {"PFCON_DATABASE_URL_FILE": str(tmp_path / "url")}).database_url == "postgresql://u:hush@db/pfcon"
    assert {variable.name for variable in ALL if variable.file_name} == {
        *("SECRET_KEY", "SECRET_KEY_PREVIOUS", "PFCON_USER", "PFCON_PASSWORD", "PFCON_DATABASE_URL"),
        *("PFCON_WEBHOOK_SECRET", "PFCON_METRICS_TOKEN"),
        *("SWIFT_USERNAME", "SWIFT_KEY", "S3_ACCESS_KEY", "S3_SECRET_KEY"),
    }


def test_a_secret_given_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from the file")
    [fault] = faults(DEV | {"SWIFT_KEY": "hush-hush", "SWIFT_KEY_FILE": str(tmp_path / "key")})
    assert fault == "SWIFT_KEY: set together with SWIFT_KEY_FILE; set one of them"


def test_an_unreadable_file_of_a_secret_is_named(tmp_path: Path) -> None:
    [fault] = faults(PROD | {"PFCON_PASSWORD": "", "PFCON_PASSWORD_FILE": f"{tmp_path}/absent"})
    assert fault.startswith(f"PFCON_PASSWORD_FILE: got '{tmp_path}/absent', No such file or directory")


@pytest.mark.parametrize(
    ("content", "reason"),
    [(b"\n", "empty"), (b"\xff\xfe hush", "not valid UTF-8"), (b"x" * 65537, "longer than 65536 bytes")],
)
def test_a_file_that_holds_no_secret_is_refused(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "key").write_bytes(content)
    [fault] = faults(DEV | {"SECRET_KEY_FILE": str(tmp_path / "key")})
    assert reason in fault
    assert "hush" not in fault


def test_a_secret_put_where_its_file_belongs_is_not_shown() -> None:
    [fault] = faults(DEV | {"PFCON_PASSWORD_FILE": "hunter2hunter"})
    assert "hunter2" not in fault
    assert "a value of 13 characters" in fault


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("PFCON_PASSWROD", "PFCON_PASSWORD"),
        ("PFCON_IN_NETWORK", "PFCON_INNETWORK"),
        ("PFCON_THREAD", "PFCON_THREADS"),
        ("PFCON_OPIMAGE", "PFCON_OP_IMAGE"),
        ("PFCON_PASWORD_FILE", "PFCON_PASSWORD_FILE"),
    ],
)
def test_a_misspelt_name_is_refused_with_the_name_that_was_meant(name: str, meant: str) -> None:
    assert faults(DEV | {name: "x"}) == [f"{name}: is not a setting; did you mean {meant}?"]


def test_only_secrets_come_from_files() -> None:
    [fault] = faults(DEV | {"PFCON_BIND_FILE": "/run/bind"})
    assert fault.startswith("PFCON_BIND_FILE: is not a setting; PFCON_BIND is not a secret")


def test_variables_that_kubernetes_and_docker_add_for_a_service_named_pfcon_are_ignored() -> None:
    added = (
        *(
            "PFCON_SERVICE_HOST",
            "PFCON_SERVICE_PORT",
            "PFCON_SERVICE_PORT_HTTP",
            "PFCON_PORT",
            "PFCON_PORT_5005_TCP",
        ),
        *(
            "PFCON_PORT_5005_TCP_ADDR",
            "PFCON_PORT_5005_TCP_PROTO",
            "PFCON_USERS_SERVICE_HOST",
            "PFCON_BIND_PORT",
        ),
    )
    assert load(DEV | dict.fromkeys(added, "tcp://10.0.0.1:5005")) == load(DEV)


def test_other_unknown_variables_are_ignored() -> None:
    assert load(DEV | {"PFCON_IMAGE": "x", "PFCON_COLOUR": "x", "STORAGE_EVN": "x"}) == load(DEV)


def test_a_dotenv_file_is_read_and_the_environment_wins(empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_directory / ".env").write_text(
        "# a comment\nAPPLICATION_MODE=development\nexport PFCON_USER='from dotenv'\n"
        'PFCON_WORKERS="3"  # three\nPFCON_THREADS=16\nJOB_LOGS_TAIL=5\n'
    )
    monkeypatch.setenv("PFCON_THREADS", "32")
    monkeypatch.setenv("JOB_LOGS_TAIL", "")
    found = load()
    assert (found.auth.user, found.server.workers, found.server.threads) == ("from dotenv", 3, 32)
    assert found.compute.logs_tail == 1000  # taken back by the empty one


def test_a_misspelt_name_in_a_dotenv_file_is_refused(empty_directory: Path) -> None:
    (empty_directory / ".env").write_text("APPLICATION_MODE=development\nPFCON_WORKRES=3\n")
    with pytest.raises(ConfigurationError, match="PFCON_WORKRES: is not a setting; did you mean PFCON_WORKERS"):
        load()


def test_a_line_within_a_quoted_value_is_no_setting(empty_directory: Path) -> None:
    (empty_directory / ".env").write_text('APPLICATION_MODE=development\nNOTE="see\nPFCON_USER=nobody\n"\n')
    assert load().auth.user == "pfcon"


def test_only_the_current_directory_has_its_dotenv_file_read(
    empty_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (empty_directory / ".env").write_text("APPLICATION_MODE=development\nPFCON_USER=above\n")
    (empty_directory / "below").mkdir()
    monkeypatch.chdir(empty_directory / "below")
    monkeypatch.setenv("APPLICATION_MODE", "development")
    assert load().auth.user == "pfcon"


def test_an_unreadable_dotenv_file_is_a_fault_among_others(empty_directory: Path) -> None:
    (empty_directory / ".env").write_bytes(b"PFCON_USER=\xff\n")
    with pytest.raises(ConfigurationError) as caught:
        load()
    assert caught.value.faults[0].startswith(".env: can't be read")
    assert any(line.startswith("SECRET_KEY: is not set") for line in caught.value.faults)


def test_a_given_mapping_is_all_there_is(empty_directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (empty_directory / ".env").write_text("PFCON_USER=dotenv\n")
    monkeypatch.setenv("PFCON_USER", "environment")
    assert load(DEV).auth.user == "pfcon"
