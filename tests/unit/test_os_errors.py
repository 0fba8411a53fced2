"""What clients see of the operating system's errors: never a 500."""

import errno
import os

import pytest

import pfcon.errors
from pfcon.errors import Absent, Conflict, PfconError, Refused
from pfcon.files.descent import UnreadableTreeError
from pfcon.os_errors import from_os_error, or_unreachable
from pfcon.paths import StoreBase

EXPECTED = {
    **dict.fromkeys((errno.ENAMETOOLONG, errno.EINVAL, errno.ELOOP, errno.ENOTDIR, errno.EILSEQ, errno.EISDIR), 400),
    **dict.fromkeys((errno.ENOSPC, errno.EDQUOT), 507),
    **dict.fromkeys((errno.ENOENT, errno.EEXIST, errno.ENOTEMPTY), 409),
    **dict.fromkeys((errno.EIO, errno.ESTALE, errno.EACCES, errno.EROFS, errno.EMFILE, errno.ETIMEDOUT), 503),
}


@pytest.mark.parametrize("number", EXPECTED, ids=errno.errorcode.get)
def test_each_error_has_its_status(storebase: StoreBase, number: int) -> None:
    error = from_os_error(OSError(number, os.strerror(number), "/secret/path"), storebase)
    assert error.status == EXPECTED[number]
    assert os.strerror(number) in str(error)
    assert "/secret" not in str(error)


@pytest.mark.parametrize("number", sorted(errno.errorcode), ids=errno.errorcode.get)
def test_no_error_of_the_system_is_a_500(storebase: StoreBase, number: int) -> None:
    assert from_os_error(OSError(number, "x"), storebase).status in (400, 409, 503, 507)


def test_an_error_without_a_number_has_a_text(storebase: StoreBase) -> None:
    error = from_os_error(OSError("odd"), storebase)
    assert (error.status, "OSError" in str(error)) == (503, True)


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENOTDIR, errno.ESTALE, errno.EEXIST])
def test_while_storebase_is_away_nothing_is_refused_or_absent(storebase: StoreBase, number: int) -> None:
    away = StoreBase(storebase.root / "unmounted")
    assert from_os_error(OSError(number, "x"), away).status == 503
    assert or_unreachable(Absent("no job"), away).status == 503
    assert or_unreachable(Conflict("changed"), away).status == 503
    assert or_unreachable(Refused("bad"), away).status == 400
    assert or_unreachable(Absent("no job"), storebase).status == 404


def test_every_error_that_reaches_a_client_has_a_status_for_it() -> None:
    classes: set[type[PfconError]] = {
        found for found in vars(pfcon.errors).values() if isinstance(found, type) and issubclass(found, PfconError)
    }
    classes.add(UnreadableTreeError)
    for found in classes - {PfconError}:
        assert 400 <= found.status < 500 or found.status in (503, 507), found
