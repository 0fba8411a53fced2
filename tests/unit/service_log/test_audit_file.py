"""The audit file: rotated, gone, unwritable or on a full disk, no line is lost and nobody fails because of it."""

import json
import logging
import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.small_disk import small_disk

from pfcon.service_log import write
from pfcon.service_log.setup import AUDIT, set_up

audit = logging.getLogger(AUDIT)


@pytest.fixture
def path(tmp_path: Path) -> Iterator[Path]:
    """A path of the file in a directory of its own; Python's logging is as before at the end."""
    root, logger, levels = logging.getLogger(), logging.getLogger("pfcon"), []
    handlers, levels = root.handlers[:], [root.level, logger.level]
    (tmp_path / "audit").mkdir()
    yield tmp_path / "audit/audit.log"
    set_up(level="info", form="text")
    root.handlers[:] = handlers
    root.setLevel(levels[0])
    logger.setLevel(levels[1])


def jids(text: str) -> list[str]:
    """The jids of the audit lines of a text."""
    found = [json.loads(line) for line in text.splitlines()]
    return [line["jid"] for line in found if line["logger"] == AUDIT]


def tell(jid: str, size: int = 0) -> None:
    """Write an audit line of at least ``size`` bytes."""
    write(audit, logging.INFO, "audit", jid=jid, padding="x" * size)


def test_it_is_not_for_everybody_and_may_be_renamed_at_any_time(path: Path) -> None:
    """As logrotate does; also by another process, between two lines."""
    set_up(level="error", form="json", audit=path)
    tell("a")
    assert stat.S_IMODE(path.stat().st_mode) & 0o037 == 0
    path.rename(path.with_suffix(".1"))
    tell("b")
    assert (jids(path.with_suffix(".1").read_text()), jids(path.read_text())) == (["a"], ["b"])


def no_directory(path: Path) -> None:
    """Its directory was renamed."""
    path.parent.rename(path.parent.with_name("elsewhere"))


def directory_in_place(path: Path) -> None:
    """Something else has its name."""
    path.unlink()
    path.mkdir()


def pipe_without_reader(path: Path) -> None:
    """Opening it would wait."""
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize("harm", [no_directory, directory_in_place, pipe_without_reader])
def test_what_cannot_be_written_to_it_is_in_the_log(
    path: Path, capsys: pytest.CaptureFixture[str], harm: Callable[[Path], None]
) -> None:
    """Whatever the level of the log; and one line says why, not one for each."""
    set_up(level="error", form="json", audit=path)
    tell("a")
    harm(path)
    tell("b")
    tell("c")
    printed = capsys.readouterr().err
    assert jids(printed) == ["b", "c"]
    assert printed.count("can't be written") == 1
    assert "Traceback" not in printed


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become another user")
def test_a_file_that_root_has_made_is_told(path: Path) -> None:
    """As when logrotate makes the new one: a service that is not root goes on."""
    set_up(level="info", form="json", audit=path)
    path.unlink()
    path.touch(mode=0o600)
    path.parent.parent.chmod(0o755)
    child = os.fork()
    if not child:
        status = 1
        try:
            os.setuid(65534)
            tell("a")
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_text() == ""


def test_a_full_disk_leaves_no_half_line(tmp_path: Path, path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Also after a rename on the full disk. When there is room again, lines are in the file again."""
    with small_disk(tmp_path / "disk", "tmpfs", 1) as disk:
        path = disk.path / "audit.log"
        set_up(level="info", form="json", audit=path)
        tell("a")
        disk.fill()
        tell("b", 10_000)
        path.rename(path.with_suffix(".1"))
        tell("c", 10_000)
        assert jids(capsys.readouterr().err) == ["b", "c"]
        disk.empty()
        tell("d")
        assert jids(path.with_suffix(".1").read_text()) == ["a"]
        assert jids(path.read_text()) == ["d"]
