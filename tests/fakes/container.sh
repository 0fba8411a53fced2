#!/bin/sh
# container.sh [SOURCE TARGET ro|rw|tmpfs]... -- COMMAND...: run a command in this machine's file system with these
# directories bound into it; the source of a tmpfs is its size. Needs a mount namespace of its own (unshare --mount).
set -eu
mount -t tmpfs -o mode=755 none /mnt
for entry in /*; do
    name=${entry#/}
    if [ -L "$entry" ]; then
        cp -P "$entry" "/mnt/$name"
    elif [ -d "$entry" ] && [ "$name" != mnt ]; then
        mkdir "/mnt/$name"
        mount --rbind "$entry" "/mnt/$name"
    fi
done
while [ "$1" != -- ]; do
    mkdir -p "/mnt$2"
    case $3 in
        tmpfs) mount -t tmpfs -o "size=$1,mode=1777" none "/mnt$2" ;;
        *) mount --bind "$1" "/mnt$2" ;;
    esac
    [ "$3" != ro ] || mount -o remount,bind,ro "/mnt$2"
    shift 3
done
shift
exec chroot /mnt "$@"
