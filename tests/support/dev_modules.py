"""Modules of dev/, which is no package."""

import importlib.util
from pathlib import Path
from types import ModuleType


def load(name: str) -> ModuleType:
    """A module of dev/, by its name."""
    path = Path(__file__).parents[2] / "dev" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"dev_{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
