"""The parts of a Markdown page that tests look at: headings, links, code."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FENCE = re.compile(r"\s*```(\w*)\s*$")
INDENT = "    "
LINK = re.compile(r"\[(?:[^\[\]]|\[[^\]]*\])*\]\(([^()\s]+)\)")
MARKER = re.compile(r"<!-- ([\w-]+) -->")
SHELL = ("", "sh", "bash", "shell", "console")  # what a fence of commands may say, and an indented block says nothing


@dataclass(frozen=True)
class Block:
    """A block of code. marker: the HTML comment ``<!-- WORD -->`` that stands before it, invisible to readers."""

    language: str
    text: str
    marker: str = ""

    @property
    def commands(self) -> list[str]:
        """Its lines, those that end with a backslash joined with the next; none for a language that is no shell's."""
        joined = re.sub(r"\\\n\s*", "", self.text)
        return [line.strip() for line in joined.splitlines() if line.strip()] if self.language in SHELL else []


@dataclass(frozen=True)
class Page:
    """One file."""

    path: Path

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def _parts(self) -> tuple[list[Block], str]:
        """The blocks of code, and the text without them."""
        blocks, prose, marker = list[Block](), list[str](), ""
        lines = self.text.splitlines()
        while lines:
            line = lines.pop(0)
            fence = FENCE.match(line)
            if fence:
                end = next(number for number, inner in enumerate(lines) if inner.strip() == "```")
                blocks.append(Block(fence[1], "\n".join(lines[:end]) + "\n", marker))
                lines, marker = lines[end + 1 :], ""
            elif line.startswith(INDENT) and (not prose or not prose[-1].strip()):
                taken = [line]
                while lines and (lines[0].startswith(INDENT) or not lines[0].strip()):
                    taken.append(lines.pop(0))
                blocks.append(Block("", "\n".join(one[len(INDENT) :] for one in taken) + "\n", marker))
                prose.append("")
                marker = ""
            else:
                prose.append(line)
                if found := MARKER.fullmatch(line.strip()):
                    marker = found[1]
                elif line.strip():
                    marker = ""
        return blocks, "\n".join(prose)

    @property
    def blocks(self) -> list[Block]:
        """Its blocks of code."""
        return self._parts[0]

    @property
    def prose(self) -> str:
        """What is no block of code."""
        return self._parts[1]

    @property
    def spans(self) -> list[str]:
        """What is in backquotes within a line."""
        return re.findall(r"(?<!`)`([^`\n]+)`(?!`)", self.prose)

    @property
    def links(self) -> list[str]:
        """The targets of its links that lead to files, or to its own headings."""
        plain = re.sub(r"`[^`\n]*`", "", self.prose)
        return [target for target in LINK.findall(plain) if not re.match(r"[a-z]+:", target)]

    @cached_property
    def anchors(self) -> frozenset[str]:
        """Those that its headings have on GitHub."""
        return frozenset(self._slugs())

    def _slugs(self) -> Iterator[str]:
        counts: dict[str, int] = {}
        for heading in re.findall(r"^#{1,6} (.+?)\s*$", self.prose, re.MULTILINE):
            shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading)
            slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
            count = counts.get(slug, 0)
            counts[slug] = count + 1
            yield f"{slug}-{count}" if count else slug
