#!/bin/sh
# inside.sh TREE DIRECTORY... -- COMMAND...: run a command whose root directory is TREE, a Debian system of its own, with
# this machine's processes, devices, network, /tmp and the given directories. Start it in a mount namespace of its own
# (unshare -m): the mounts go with its last process. It is pivot_root(8), because the kernel refuses user namespaces in
# a chroot (user_namespaces(7)).
set -e
tree=$1
shift
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=755 run "$tree/run"
while [ "$1" != -- ]; do
    mkdir -p "$tree$1"
    mount --rbind "$1" "$tree$1"
    shift
done
shift
mkdir -p "$tree/.outside"
cd "$tree"
pivot_root . .outside
umount -l /.outside
cd /
exec "$@"
