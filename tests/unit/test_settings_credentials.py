"""Keys and passwords of production: missing and weak ones are refused."""

import pytest
from support.settings_faults import DEV, PROD, faults


@pytest.mark.parametrize("name", list(PROD))
def test_production_needs_credentials(name: str) -> None:
    assert faults(PROD) == []
    [fault] = faults({key: value for key, value in PROD.items() if key != name})
    assert fault.startswith(f"{name}: is not set; pfcon needs it in production; it accepts")


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("mT3vX9qLr7Wz1KfB5nHs8YdJ2cGp4Ra", "too short"),
        ("pfcon-development-key-that-everybody-knows", "well known"),
        ("x" * 40, "repeats itself"),
        ("changeme" * 4, "repeats itself"),
        ("abcabcaabbccabcabcaabbccabcabcaabbcc", "repeats itself"),
        ("abcdefghijklmnopqrstuvwxyz0123456789", "well known"),
    ],
)
@pytest.mark.parametrize("name", ["SECRET_KEY", "SECRET_KEY_PREVIOUS", "PFCON_WEBHOOK_SECRET"])
def test_production_refuses_a_weak_secret_key(name: str, value: str, reason: str) -> None:
    [fault] = faults(
        PROD | ({"PFCON_WEBHOOK_URL": "https://cube.example/hook"} if "WEBHOOK" in name else {}) | {name: value}
    )
    assert fault.startswith(f"{name}: got a value of {len(value)} characters, which")
    assert reason in fault
    assert value not in fault


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("Whale.7", "too short"),
        *(
            (word, "well known")
            for word in ("pfcon1234", "Pfcon1234!", "changeme", "change_me", "password", "PassWord1")
        ),
        *((word, "well known") for word in ("chris1234", "12345678", "minioadmin", "super-secret-key")),
        ("secret", "too short"),
        *((word, "repeats itself") for word in ("aaaaaaaa", "abababab", "secretsecret", "aabbccaab")),
        ("cube-cube-user", "also the user"),
    ],
)
def test_production_refuses_a_weak_password(value: str, reason: str) -> None:
    [fault] = faults(PROD | {"PFCON_USER": "cube-cube-user", "PFCON_PASSWORD": value})
    assert fault.startswith("PFCON_PASSWORD: got a value of ")
    assert reason in fault


@pytest.mark.parametrize("value", ["!@#$%^&*(", "пароль-длинный", "83749261", "blue whale 7"])
def test_production_takes_an_unusual_password(value: str) -> None:
    assert faults(PROD | {"PFCON_PASSWORD": value}) == []


def test_production_takes_a_random_hexadecimal_key() -> None:
    assert faults(PROD | {"SECRET_KEY": "9f86d081884c7d659a2feaa0c55ad015"}) == []


def test_production_refuses_a_password_that_is_the_previous_key() -> None:
    key = "9f86d081884c7d659a2feaa0c55ad015"
    [fault] = faults(PROD | {"SECRET_KEY_PREVIOUS": key, "PFCON_PASSWORD": key})
    assert "also the user or a key" in fault


def test_development_takes_weak_credentials() -> None:
    assert faults(DEV | {"SECRET_KEY": "x", "PFCON_PASSWORD": "x"}) == []
