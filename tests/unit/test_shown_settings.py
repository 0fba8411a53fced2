"""The settings in the line of a service's start: what the administrator has chosen, and no secret."""

from pathlib import Path

import pytest

from pfcon.configuration import load
from pfcon.configuration.shown import shown_settings


def environ(storebase: Path, **more: str) -> dict[str, str]:
    """A service on this machine without any choice."""
    return {"CONTAINER_ENV": "process", "STOREBASE_MOUNT": str(storebase), **more}


KEY, SIGNING = "9b1f04c7d2e85a63f7c04e1db8a95236", "5e0d7f1c3a2b49868d7c6f5e4b3a2918"
PRODUCTION = {
    "PFCON_ALLOW_PROCESS": "true",
    "SECRET_KEY": KEY,
    "PFCON_USER": "site",
    "PFCON_PASSWORD": "a-password-of-the-site",
    "APPLICATION_MODE": "production",
}


@pytest.mark.parametrize("mode", [{"APPLICATION_MODE": "development"}, PRODUCTION])
def test_the_mode_is_shown_and_no_default_of_it(tmp_path: Path, mode: dict[str, str]) -> None:
    """Development has defaults of its own."""
    shown = shown_settings(load(environ(tmp_path, **mode)))
    chosen = {"APPLICATION_MODE", "CONTAINER_ENV", "STOREBASE_MOUNT"} | mode.keys()
    assert shown["APPLICATION_MODE"] == mode["APPLICATION_MODE"]
    follow_from_others = {"COMPUTE_VOLUME_TYPE", "STOREBASE", "STORAGE_ENV"}
    assert shown.keys() - follow_from_others == chosen - {"SECRET_KEY", "PFCON_PASSWORD"}


def test_a_setting_that_differs_is_shown(tmp_path: Path) -> None:
    """Also one whose value is the default of the other mode."""
    shown = shown_settings(load(environ(tmp_path, APPLICATION_MODE="development", PFCON_BIND="0.0.0.0:5005")))
    assert shown["PFCON_BIND"] == "0.0.0.0:5005"


def test_of_a_url_only_its_host_is_shown(tmp_path: Path) -> None:
    """Whoever knows the rest of a webhook's may be able to send to it."""
    given = {
        "PFCON_WEBHOOK_URL": "https://hooks.example.org:8443/services/T0/hook-token",
        "PFCON_WEBHOOK_SECRET": SIGNING,
    }
    shown = shown_settings(load(environ(tmp_path, **PRODUCTION, **given)))
    assert shown["PFCON_WEBHOOK_URL"] == "https://hooks.example.org:8443"
    text = str(shown)
    assert not [secret for secret in ("hook-token", "a-password-of-the-site", KEY, SIGNING) if secret in text]
