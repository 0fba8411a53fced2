"""What the commands for a service's users show, and how they save outputs."""

import io
import os
import stat
import zipfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import cast

import pytest
from support.live import make_zip

from pfcon.client import outputs
from pfcon.client.connection import Connection
from pfcon.client.errors import ClientError, ServiceAway, WrongUse
from pfcon.client.output import age, log_line, moment, parse_time, table, widths_of
from pfcon.client.progress import Progress, line
from pfcon.client.top import Figures, fitted, numbers_of, page
from pfcon.client.upload import Form, Tree, tree_of

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
QUIET = Progress(io.StringIO())
METRICS = """\
# TYPE pfcon_jobs gauge
pfcon_jobs{kind="plugin",status="started",reason=""} 2.0
pfcon_jobs{kind="plugin",status="finishedWithError",reason="ExitCode"} 3.0
pfcon_jobs{kind="plugin",status="finishedWithError",reason="Cancelled"} 4.0
pfcon_jobs{kind="copy",status="started",reason=""} 9.0
pfcon_jobs_created 1.7e+09
"""


class Terminal(io.StringIO):
    """Text that a terminal got."""

    def isatty(self) -> bool:
        return True


class Downloads:
    """A service whose downloads have these blocks; an exception in their place cuts one off."""

    def __init__(self, *answers: list[bytes | Exception]) -> None:
        self.answers = list(answers)

    def blocks(self, path: str, size: int) -> Iterator[bytes]:
        assert path == "jobs/j/file/"
        for block in self.answers.pop(0):
            if isinstance(block, Exception):
                raise block
            yield block


def save(target: Path, *answers: list[bytes | Exception]) -> tuple[int, int]:
    return outputs.save(cast(Connection, Downloads(*answers)), "j", target, QUIET)


def test_a_progress_bar_is_drawn_on_a_terminal_and_removed() -> None:
    terminal = Terminal()
    with Progress(terminal).step("sending", 100) as progress:
        progress.add(50)
    assert "sending [" in terminal.getvalue()
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize(("stream", "quiet"), [(io.StringIO(), False), (Terminal(), True)])
def test_a_progress_bar_is_not_drawn_elsewhere(stream: io.StringIO, quiet: bool) -> None:
    with Progress(stream, quiet=quiet).step("sending", 100) as progress:
        progress.add(50)
    assert not stream.getvalue()


def test_a_progress_bar_shows_the_share() -> None:
    assert line("sending", 1 << 19, 1 << 20) == "sending [############............]  50% of 1.0 MiB"
    assert line("sending", 5, 2) == "sending [########################] 100% of 2 bytes"
    assert line("receiving", 2048, 0) == "receiving: 2.0 KiB"


def test_a_log_can_not_write_to_the_terminal_what_it_likes() -> None:
    assert log_line("\x1b[31mred\x1b[0m\tx", colours=True) == "\x1b[31mred\x1b[0m\tx"
    assert log_line("\x1b]0;title\x07\x1b[2J", colours=True) == r"\x1b]0;title\x07\x1b[2J"


@pytest.mark.parametrize("colour", ["\x1b[8m", "\x1b[31m", "\x1b[0;7m", "\x1b[m\x1b[1m"])
def test_a_colour_does_not_outlast_its_line(colour: str) -> None:
    assert log_line(f"a{colour}b", colours=True) == f"a{colour}b\x1b[0m"
    assert log_line(f"a{colour}b\x1b[m", colours=True) == f"a{colour}b\x1b[m"
    assert log_line(f"a{colour}b\tc", colours=False) == "ab\tc"


def test_times_that_no_calendar_has_are_none() -> None:
    assert parse_time("0001-01-01T00:00:00+14:00") is None
    assert parse_time("yesterday") is None


def test_a_table_has_columns_and_no_control_characters() -> None:
    rows = [("A", "B"), ("long", "\x1b[2J"), ("", "x")]
    assert list(table(rows, widths_of(rows))) == ["A     B", r"long  \x1b[2J", "-     x"]


@pytest.mark.parametrize(
    ("since", "shown"),
    [
        ("2026-01-31T11:59:55+00:00", "5s"),
        ("2026-01-31T11:55:58+00:00", "4m 2s"),
        ("2026-01-31T10:30:00+00:00", "1h 30m"),
        ("2026-01-28T10:00:00+00:00", "3d 2h"),
        ("2026-01-31T12:00:05+00:00", "0s"),
        ("", ""),
    ],
)
def test_ages_are_shown_in_two_units(since: str, shown: str) -> None:
    assert age(since, NOW) == shown


def test_times_are_shown_in_utc() -> None:
    assert moment("2026-01-31T12:00:00.5+02:00") == "2026-01-31 10:00:00"
    assert moment("") == ""


def test_top_counts_plugin_jobs_by_status() -> None:
    assert numbers_of(METRICS) == {"started": 2, "finishedWithError": 7}


def test_top_shows_parts_numbers_and_active_jobs() -> None:
    info = {"server_version": "1.2", "container_env": "e", "storage_env": "s"}
    parts = {"records": {"ok": False, "ms": 1, "message": "the database is away"}}
    job = dict.fromkeys(("jid", "status", "message", "owner", "image", "node", "started", "created"), "")
    job |= {"jid": "j1", "status": "started", "started": "2026-01-31T11:59:00+00:00", "message": "\x1b[2J"}
    text = "\n".join(page(Figures(info, parts, numbers_of(METRICS), [job]), "http://x/", NOW))
    assert "FAILED  records: the database is away" in text
    assert "notStarted 0   started 2" in text
    assert "1m 0s" in text
    assert "\x1b" not in text
    assert "started -" in "\n".join(page(Figures(info, parts, None), "http://x/", NOW))


def test_top_does_not_scroll_the_terminal() -> None:
    assert fitted(["abc", "de", "f"], os.terminal_size((2, 3))) == "ab\nde"


def test_outputs_are_saved_and_counted(tmp_path: Path) -> None:
    assert save(tmp_path, [make_zip({"a/b.txt": "alpha", "c": ""})]) == (2, 5)
    assert (tmp_path / "a" / "b.txt").read_text() == "alpha"


def test_a_download_that_is_cut_off_is_begun_again(tmp_path: Path) -> None:
    packed = make_zip({"a": "alpha"})
    assert save(tmp_path, [packed[:9], ServiceAway("cut off")], [packed]) == (1, 5)


def test_a_download_that_is_cut_off_each_time_is_given_up(tmp_path: Path) -> None:
    cut: list[bytes | Exception] = [b"PK", ServiceAway("cut off")]
    with pytest.raises(ServiceAway, match="cut off"):
        save(tmp_path, *[cut] * outputs.ATTEMPTS)


@pytest.mark.parametrize("content", [b"", b"no zip", make_zip({"a": "alpha"})[:-30]], ids=["empty", "none", "cut"])
def test_a_damaged_zip_is_refused(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(ClientError, match="can't be unpacked"):
        save(tmp_path, [content])
    assert not os.listdir(tmp_path)


@pytest.mark.parametrize("name", ["../evil", "/evil", "a/../../evil"])
def test_a_zip_can_not_write_outside_the_directory(tmp_path: Path, name: str) -> None:
    target = tmp_path / "out"
    target.mkdir()
    with pytest.raises(ClientError, match="can't be unpacked"):
        save(target, [make_zip({"good": "x", name: "evil"})])
    assert os.listdir(tmp_path) == ["out"]
    assert not os.listdir(target)


def test_a_symbolic_link_in_a_zip_is_refused(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(ClientError, match="neither a regular file"):
        save(tmp_path, [packed.getvalue()])


def test_the_umask_decides_who_may_read_the_outputs(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        target = tmp_path / "out"
        outputs.prepare(target)
        save(target, [make_zip({"a/b": "alpha"})])
    finally:
        os.umask(before)
    modes = [stat.S_IMODE(path.stat().st_mode) for path in (target, target / "a", target / "a" / "b")]
    assert modes == [0o700, 0o700, 0o600]


def test_a_directory_with_files_is_no_place_for_outputs(tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    with pytest.raises(WrongUse, match="is not empty"):
        outputs.prepare(tmp_path)
    with pytest.raises(WrongUse, match="can't be used"):
        outputs.prepare(tmp_path / "mine")


def test_inputs_are_sent_in_small_blocks(tmp_path: Path) -> None:
    content = os.urandom(8 << 20)
    (tmp_path / "large").write_bytes(content)
    (tmp_path / "link").symlink_to("/etc/passwd")
    read: list[int] = []
    form = Form([("jid", "j"), ("args", "größe")], tmp_path)
    blocks = list(form.blocks(read.append))
    assert max(map(len, blocks)) <= 1 << 20
    assert sum(read) == len(content)
    assert tree_of(tmp_path) == Tree(1, len(content), links=1, first_link=str(tmp_path / "link"))
    body = b"".join(blocks)
    assert "größe".encode() in body
    start, end = body.index(b"PK\x03\x04"), body.rindex(b"\r\n--")
    with zipfile.ZipFile(io.BytesIO(body[start:end])) as archive:
        assert archive.namelist() == ["large"]
        assert archive.read("large") == content


def test_inputs_that_can_not_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(ClientError, match="can't be read"):
        list(Form([], tmp_path / "absent").blocks(lambda _: None))
