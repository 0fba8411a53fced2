"""docs/development/adding-an-engine.md: its code is that of the package in tests/toy_engine."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "development" / "adding-an-engine.md"
PACKAGE = ROOT / "tests" / "toy_engine"
TEXT = PAGE.read_text()
BLOCKS = re.findall(r"^`([^`\n]+)`:\n\n```(\w+)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def test_every_block_names_its_file() -> None:
    assert TEXT.count("```") == 2 * len(BLOCKS)
    assert len(BLOCKS) >= 10
    assert {language for _, language, _ in BLOCKS} == {"python", "toml"}


@pytest.mark.parametrize(("name", "language", "code"), BLOCKS, ids=[f"{block[0]}-{block[2][:30]}" for block in BLOCKS])
def test_a_block_stands_in_its_file(name: str, language: str, code: str) -> None:
    lines = (PACKAGE / name).read_text().splitlines()
    block = code.splitlines()
    assert any(lines[start : start + len(block)] == block for start in range(len(lines))), f"{name} has other lines now"


def test_the_page_names_every_file_of_the_package() -> None:
    modules = [path.relative_to(PACKAGE) for path in PACKAGE.glob("pfcon_toy/*.py") if path.name != "__init__.py"]
    assert modules
    assert not [str(module) for module in modules if f"    {module} " not in TEXT]


def test_the_page_names_every_part_of_pfcon_that_the_engine_uses() -> None:
    sources = [path.read_text() for path in PACKAGE.glob("*/*.py")]
    used = set(re.findall(r"^from (pfcon\.[\w.]+) import", "\n".join(sources), re.MULTILINE))
    table = TEXT.rpartition("## Parts of pfcon that you may use")[2]
    assert used
    assert not sorted(module for module in used if f"`{module}`" not in table)


def test_the_links_of_the_page_lead_somewhere() -> None:
    links = re.findall(r"\]\(([^)#]+)\)", TEXT)
    assert links
    assert not [link for link in links if not (PAGE.parent / link).exists()]


def test_the_page_is_short() -> None:
    assert len(TEXT.splitlines()) <= 250
