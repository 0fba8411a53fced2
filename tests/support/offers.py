"""Packages that offer pfcon an engine or a storage, as ``pip`` would have installed them."""

import sys
from pathlib import Path

import pytest


def install(monkeypatch: pytest.MonkeyPatch, directory: Path, group: str, name: str, source: str) -> None:
    """A package ``NAME_package`` whose module ``described`` has this source; ``name`` is its attribute DESCRIBED."""
    package = f"{name}_package"
    module = directory / package
    module.mkdir()
    module.joinpath("__init__.py").touch()
    module.joinpath("described.py").write_text(source)
    metadata = directory / f"{package}-1.0.dist-info"
    metadata.mkdir()
    metadata.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    metadata.joinpath("entry_points.txt").write_text(f"[{group}]\n{name} = {package}.described:DESCRIBED\n")
    for loaded in [known for known in sys.modules if known.partition(".")[0] == package]:  # by another test
        monkeypatch.delitem(sys.modules, loaded)
    monkeypatch.syspath_prepend(directory)
