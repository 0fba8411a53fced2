"""docs/development/adding-an-engine.md and adding-a-storage.md: their code is that of packages below tests/."""

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class ExtensionPage:
    """A page, and the package that it explains."""

    path: Path
    package: Path
    least: int  # blocks of code

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def blocks(self) -> list[tuple[str, str, str]]:
        """File name, language and code of each block."""
        return re.findall(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", self.text, re.MULTILINE | re.DOTALL)


DOCS = ROOT / "docs" / "development"
ENGINE = ExtensionPage(DOCS / "adding-an-engine.md", ROOT / "tests" / "toy_engine", 10)
STORAGE = ExtensionPage(DOCS / "adding-a-storage.md", ROOT / "tests" / "toy_storage", 6)
each_page = pytest.mark.parametrize("page", [ENGINE, STORAGE], ids=lambda page: page.path.stem)


@each_page
def test_every_block_names_its_file(page: ExtensionPage) -> None:
    assert page.text.count("```") == 2 * len(page.blocks)
    assert len(page.blocks) >= page.least
    assert {language for _, language, _ in page.blocks} == {"python", "toml"}


@each_page
def test_a_block_stands_in_its_file(page: ExtensionPage) -> None:
    for name, _, code in page.blocks:
        lines = (page.package / name).read_text().splitlines()
        block = code.splitlines()
        found = any(lines[start : start + len(block)] == block for start in range(len(lines)))
        assert found, f"{name} has other lines now:\n{code}"


@each_page
def test_the_page_names_every_file_of_the_package(page: ExtensionPage) -> None:
    modules = [
        path.relative_to(page.package) for path in page.package.glob("pfcon_*/*.py") if path.name != "__init__.py"
    ]
    assert modules
    assert not [str(module) for module in modules if f"    {module} " not in page.text]


@each_page
def test_the_page_names_every_part_of_pfcon_that_the_package_uses(page: ExtensionPage) -> None:
    sources = [path.read_text() for path in page.package.glob("*/*.py")]
    used = set(re.findall(r"^from (pfcon\.[\w.]+) import", "\n".join(sources), re.MULTILINE))
    table = page.text.rpartition("## Parts of pfcon that you may use")[2]
    assert used
    assert not sorted(module for module in used if f"`{module}`" not in table)


@each_page
def test_the_page_is_short(page: ExtensionPage) -> None:
    assert len(page.text.splitlines()) <= 250
