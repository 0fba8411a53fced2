"""Outputs that a job kept for itself: this service's own are read whatever their mode, others' are found and named."""

import io
import os
import zipfile
from pathlib import Path

import pytest
from support.users import AS_ROOT, as_user

from pfcon.archive.zip_stream import zip_chunks
from pfcon.errors import Absent, Conflict
from pfcon.files.owned import open_owned
from pfcon.files.privileges import PrivilegesLeftError, remove_privileges
from pfcon.files.unreadable import OutputSurvey, Unreadable, find_unreadable, is_unreadable_note
from pfcon.files.walk import FileWalk
from pfcon.paths import StoreBase

pytestmark = AS_ROOT
ME, OTHER = 65534, 4321


@pytest.fixture
def outputs(storebase: StoreBase) -> Path:
    made = storebase.root / "outgoing"
    made.mkdir()
    os.chown(made, ME, ME)
    return made


def write(path: Path, owner: int, mode: int, *, directory: bool = False) -> None:
    if directory:
        path.mkdir()
    else:
        path.write_bytes(path.name.encode())
    os.chown(path, owner, owner)
    path.chmod(mode)


def looked(root: Path, *, files: bool = True) -> Unreadable:
    results: list[Unreadable] = []
    as_user(ME, lambda: results.append(find_unreadable(root, files=files)))
    return results[0]


def test_what_is_this_user_s_own_is_read_whatever_its_mode(outputs: Path) -> None:
    write(outputs / "d", ME, 0o700, directory=True)
    write(outputs / "d" / "none", ME, 0)
    write(outputs / "d" / "written", ME, 0o222)
    write(outputs / "enter", ME, 0o700, directory=True)
    write(outputs / "enter" / "x", ME, 0o044)
    for directory, mode in ((outputs / "d", 0), (outputs / "enter", 0o400), (outputs, 0o200)):
        directory.chmod(mode)
    content: dict[str, bytes] = {}

    def read() -> None:
        with zipfile.ZipFile(io.BytesIO(b"".join(zip_chunks(outputs.parent, "outgoing")))) as archive:
            content.update({name: archive.read(name) for name in archive.namelist()})

    as_user(ME, read)
    assert content == {"d/none": b"none", "d/written": b"written", "enter/x": b"x"}
    assert (outputs / "d" / "none").stat().st_mode & 0o777 == 0
    assert (outputs / "enter" / "x").stat().st_mode & 0o777 == 0o044
    assert looked(outputs).count == 0


def test_others_files_are_not_opened_and_links_not_followed(outputs: Path) -> None:
    write(outputs / "theirs", OTHER, 0o600)
    (outputs / "link").symlink_to("theirs")
    fd = os.open(outputs, os.O_RDONLY)

    def try_them() -> None:
        for name in ("theirs", "link", "absent"):
            with pytest.raises(OSError, match=r"denied|Too many levels|No such file"):
                open_owned(name, os.O_RDONLY | os.O_NOFOLLOW, fd)

    as_user(ME, try_them)
    os.close(fd)
    assert (outputs / "theirs").stat().st_mode & 0o777 == 0o600


def make_some(outputs: Path) -> None:
    write(outputs / "open", OTHER, 0o644)
    write(outputs / "mine", ME, 0)
    write(outputs / "secret", OTHER, 0o600)
    write(outputs / "a.chrislink", OTHER, 0o600)
    (outputs / "link").symlink_to("secret")
    write(outputs / "d", OTHER, 0o755, directory=True)
    write(outputs / "d" / "secret", OTHER, 0o640)
    write(outputs / "closed", OTHER, 0o700, directory=True)
    write(outputs / "closed" / "within", OTHER, 0o644)


def test_what_can_t_be_read_is_counted_and_named(outputs: Path) -> None:
    make_some(outputs)
    unreadable = looked(outputs)
    assert (unreadable.count, sorted(unreadable.first)) == (3, ["closed", "d/secret", "secret"])
    assert (looked(outputs, files=False).count, looked(outputs, files=False).first) == (1, ["closed"])
    assert find_unreadable(outputs).count == 0, "root reads all"


def test_a_directory_that_may_be_listed_but_not_entered_is_not_passed_over(outputs: Path) -> None:
    write(outputs / "listed", OTHER, 0o744, directory=True)
    write(outputs / "listed" / "f", OTHER, 0o644)
    assert looked(outputs).first == ["listed/f"]


def test_outputs_that_are_closed_as_a_whole_are_unreadable(outputs: Path) -> None:
    write(outputs / "job", OTHER, 0o700, directory=True)
    found: list[Unreadable] = []
    as_user(ME, lambda: found.append(find_unreadable(outputs, "job")))
    assert found[0].first == ["job"]
    with pytest.raises(Absent):
        find_unreadable(outputs, "absent")


def test_the_end_of_a_job_finds_the_same_on_its_way(outputs: Path) -> None:
    make_some(outputs)
    survey = OutputSurvey()

    def seal() -> None:
        with pytest.raises(PrivilegesLeftError, match="closed"):
            remove_privileges(outputs, directories=True, survey=survey)

    as_user(ME, seal)
    unreadable = survey.unreadable
    assert (unreadable.count, sorted(unreadable.first)) == (3, ["closed", "d/secret", "secret"])


def test_the_end_of_a_job_counts_its_files(outputs: Path) -> None:
    (outputs / "d").mkdir()
    for name, size in (("a", 5), ("d/b", 70), ("empty", 0)):
        (outputs / name).write_bytes(bytes(size))
    (outputs / "a.chrislink").write_text("not an output")
    (outputs / "link").symlink_to("a")
    os.mkfifo(outputs / "fifo")
    survey = OutputSurvey()
    remove_privileges(outputs, directories=True, survey=survey)
    assert (survey.files, survey.size) == (3, 75)


def test_few_are_named_and_all_are_counted() -> None:
    unreadable = Unreadable()
    unreadable.require_none()
    for number in range(5):
        unreadable.add(f"f{number}\n")
    assert unreadable.summary() == (
        f"5 of the outputs can't be read by pfcon, which runs as user {os.geteuid()}: "
        "'f0\\n', 'f1\\n', 'f2\\n' and others"
    )
    assert is_unreadable_note(unreadable.summary())
    assert not is_unreadable_note("left out 'x': it is a special file")
    with pytest.raises(Conflict, match=r"^5 of the outputs .*CONTAINER_USER"):
        unreadable.require_none()


def test_a_walk_leaves_directories_of_root_as_they_are(outputs: Path) -> None:
    write(outputs / "d", 0, 0, directory=True)
    with FileWalk(outputs) as walk:
        assert list(walk) == []
    assert (outputs / "d").stat().st_mode & 0o777 == 0
