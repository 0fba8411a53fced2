"""Where the commands for a service's users find its address, the user and the password."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from pfcon.client.errors import NotConfigured
from pfcon.client.login import Login, base_url, config_file, find_login

URL = "https://pfcon.example.org"
BASE = URL + "/api/v1/"
FULL = f'url = "{URL}"\nuser = "anna"\npassword = "blue-Whale.77x"\n'
NOTHING: Mapping[str, str] = {}
ENVIRON = {"PFCON_URL": URL, "PFCON_USER": "cube", "PFCON_PASSWORD": "red-Shark.55y"}


def environ(home: Path, content: str = "", mode: int = 0o600, others: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """The environment of a user whose file has that content; without content, there is no file."""
    if content:
        path = home / ".config" / "pfcon" / "config.toml"
        path.parent.mkdir(parents=True)
        path.write_text(content)
        path.chmod(mode)
    return {"HOME": str(home), **others}


def fault(given: dict[str, str]) -> str:
    with pytest.raises(NotConfigured) as caught:
        find_login(given)
    return str(caught.value)


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    assert find_login(environ(tmp_path, others=ENVIRON)) == Login(BASE, "cube", "red-Shark.55y")


def test_the_file_alone_is_enough(tmp_path: Path) -> None:
    assert find_login(environ(tmp_path, FULL)) == Login(BASE, "anna", "blue-Whale.77x")


def test_the_environment_has_precedence(tmp_path: Path) -> None:
    assert find_login(environ(tmp_path, FULL, others={"PFCON_USER": "cube"})) == Login(BASE, "cube", "blue-Whale.77x")


def test_the_file_is_where_xdg_says(tmp_path: Path) -> None:
    assert config_file({"HOME": "/home/anna"}) == Path("/home/anna/.config/pfcon/config.toml")
    assert config_file({"HOME": "/home/anna", "XDG_CONFIG_HOME": "/etc/anna"}) == Path("/etc/anna/pfcon/config.toml")


def test_all_that_is_missing_is_named_with_how_to_give_it(tmp_path: Path) -> None:
    text = fault(environ(tmp_path))
    for name in ("PFCON_URL", "PFCON_USER", "PFCON_PASSWORD", "PFCON_PASSWORD_FILE", "pfcon/config.toml"):
        assert name in text


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_with_a_password_that_others_may_read_is_refused(tmp_path: Path, mode: int) -> None:
    text = fault(environ(tmp_path, FULL, mode))
    assert "chmod 600" in text
    assert "blue-Whale" not in text


def test_a_file_without_a_password_may_be_read_by_others(tmp_path: Path) -> None:
    given = environ(tmp_path, f'url = "{URL}"\nuser = "anna"\n', 0o644, {"PFCON_PASSWORD": "red-Shark.55y"})
    assert find_login(given) == Login(BASE, "anna", "red-Shark.55y")


def test_the_password_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    given = environ(tmp_path, f'url = "{URL}"\nuser = "anna"\npassword_file = "secret"\n', 0o644)
    secret = tmp_path / ".config" / "pfcon" / "secret"
    assert "password_file" in fault(given)
    secret.write_text("green-Eel.33z\n")
    for mode in (0o640, 0o604, 0o660):
        secret.chmod(mode)
        assert f"chmod 600 {secret}" in fault(given)
        assert "green-Eel" not in fault(given)
    secret.chmod(0o600)
    assert find_login(given).password == "green-Eel.33z"
    named = {**ENVIRON, "PFCON_PASSWORD": "", "PFCON_PASSWORD_FILE": str(secret)}
    assert find_login({**given, **named}).password == "green-Eel.33z"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("url = \n", "is not valid TOML"),
        ('adress = "x"\n', "adress is not known"),
        ("user = 7\n", "must be a text in quotes"),
        ('url = "pfcon.example.org"\n', "url is not accepted"),
        (FULL + 'password_file = "x"\n', "give one of them"),
    ],
)
def test_a_file_that_can_not_be_used_is_refused_by_its_name(tmp_path: Path, content: str, told: str) -> None:
    text = fault(environ(tmp_path, content, others=ENVIRON))
    assert told in text
    assert "config.toml" in text


def test_a_wrong_url_of_the_environment_is_refused(tmp_path: Path) -> None:
    assert "PFCON_URL" in fault(environ(tmp_path, others={**ENVIRON, "PFCON_URL": "pfcon.example.org"}))


@pytest.mark.parametrize(
    "url", ["http://anna:blue-Whale.77x@host", "ftp://anna:blue-Whale.77x/@host", "//a:blue-Whale.77x@"]
)
def test_a_password_in_a_url_is_not_shown(tmp_path: Path, url: str) -> None:
    """CI systems keep what a command prints."""
    text = fault(environ(tmp_path, others={**ENVIRON, "PFCON_URL": url}))
    assert "PFCON_URL: got '" in text
    assert "Whale" not in text


@pytest.mark.parametrize("name", ["se\\u0000cret", "~nobody-has-this-name/secret"])
def test_a_path_that_no_file_can_have_is_a_wrong_file_of_a_password(tmp_path: Path, name: str) -> None:
    text = fault(environ(tmp_path, f'url = "{URL}"\nuser = "anna"\npassword_file = "{name}"\n'))
    assert "password_file: " in text
    assert "can't be used" in text


@pytest.mark.parametrize(
    ("bind", "url"),
    [
        ("0.0.0.0:5006", "http://127.0.0.1:5006/api/v1/"),
        ("[::]:5006", "http://[::1]:5006/api/v1/"),
        ("pfcon.example.org:80", "http://pfcon.example.org:80/api/v1/"),
    ],
)
def test_the_service_of_this_host_is_found_by_its_own_setting(tmp_path: Path, bind: str, url: str) -> None:
    given = environ(tmp_path, FULL, others={"PFCON_BIND": bind})
    assert find_login(given).url == url
    assert find_login({**given, "PFCON_URL": URL}).url == BASE


def test_development_mode_has_its_own_login(tmp_path: Path) -> None:
    given = environ(tmp_path, others={"APPLICATION_MODE": "development"})
    assert find_login(given) == Login("http://127.0.0.1:5005/api/v1/", "pfcon", "pfcon1234")


def test_the_file_goes_before_the_login_of_development_mode(tmp_path: Path) -> None:
    assert find_login(environ(tmp_path, FULL, others={"APPLICATION_MODE": "development"})) == Login(
        BASE, "anna", "blue-Whale.77x"
    )


def test_other_settings_of_the_service_do_not_matter(tmp_path: Path) -> None:
    find_login(
        environ(tmp_path, others={**ENVIRON, "PFCON_WORKERS": "many", "CONTAINER_ENV": "none", "SECRET_KEY": "x"})
    )


@pytest.mark.parametrize("url", [URL, URL + "/", URL + "/api/v1", URL + "/api/v1/", URL + "/?a=b"])
def test_a_url_may_have_the_path_of_the_interface(url: str) -> None:
    assert base_url(url) == BASE


def test_a_service_may_be_below_a_path() -> None:
    assert base_url(URL + "/pfcon") == URL + "/pfcon/api/v1/"


def test_the_password_is_not_in_a_text_of_the_login() -> None:
    assert "secret" not in repr(Login(BASE, "anna", "secret"))
