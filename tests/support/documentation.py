"""The pages of this repository, and the settings that they may name."""

from pathlib import Path

from pfcon.configuration.known import KnownSettings
from support.markdown import Page

ROOT = Path(__file__).parents[2]
HIDDEN = {".ci", ".pre-commit-config.yaml"}  # of the hidden files, those that pages may name
TOP = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")} | HIDDEN
PAGES = [
    Page(path)
    for path in sorted(ROOT.rglob("*.md"))
    if not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
]
SETTINGS = {name for variable in KnownSettings().variables for name in (variable.name, variable.file_name) if name}


def name_of(page: Page) -> str:
    """Its path in the repository."""
    return str(page.path.relative_to(ROOT))
