#!/bin/sh
# inside.sh TREE DIRECTORY... -- COMMAND...: run a command whose root directory is TREE, a Debian system of its own, with
# this machine's processes, devices (but not its /dev/shm), network, /tmp and the given directories. Start it in a mount
# namespace of its own (unshare -m): the mounts go with its last process. It is pivot_root(8), because the kernel refuses
# user namespaces in a chroot (user_namespaces(7)).
set -e
tree=$1
shift
mount --bind "$tree" "$tree"
mount -t proc proc "$tree/proc"
mount --rbind /sys "$tree/sys"
mount --rbind /dev "$tree/dev"
mount -t tmpfs -o mode=755 run "$tree/run"
# The locks of this machine's Podman and the containers that other runs have left are not those of the tree's: a first
# podman of a "boot", as an empty /run means, resets all locks, and tells of each container that it finds.
mount -t tmpfs -o mode=1777 shm "$tree/dev/shm"
mkdir -p "$tree/var/lib/containers"
mount -t tmpfs -o mode=700 containers "$tree/var/lib/containers"
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
