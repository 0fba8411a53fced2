"""Shell code that mounts what a launcher does not mount itself, in the namespaces of process 1. Pure."""

import shlex
from collections.abc import Sequence

from pfcon.compute.slurm.node_job import Bind

_TMPFS = "mount -t tmpfs -o nosuid,nodev,mode=1777,size={}m tmpfs"
_SELF_BIND = 'directory={}\nmount --rbind "$directory" "$directory"\n'
# A bind mount has the flags of the mount below it, and a remount must not remove any: so combinations are tried.
_READ_ONLY = """\
for kept in nosuid,nodev nosuid,nodev,noexec nosuid,nodev,noatime nosuid,nodev,noexec,noatime refused; do
    [ "$kept" != refused ] || { echo "pfcon: the inputs can't be made read-only" >&2; exit 125; }
    ! mount -o "remount,bind,ro,$kept" "$directory" 2>/dev/null || break
done
"""


def tmpfs(mebibytes: int) -> str:
    """Return the command that mounts memory of that size on the directory that follows."""
    return _TMPFS.format(mebibytes)


def read_only_inputs(binds: Sequence[Bind]) -> str:
    """Make the directories of inputs read-only where they are."""
    # Writable mounts come first: they may be inside a directory that becomes read-only.
    ordered = sorted(binds, key=lambda bind: bind.read_only)
    return "".join(_SELF_BIND.format(shlex.quote(str(bind.source))) + _READ_ONLY * bind.read_only for bind in ordered)
