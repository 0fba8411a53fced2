if [ "$#" -eq 3 ]; then
    with_script='setpriv --pdeathsig KILL'
    $with_script true 2>/dev/null || with_script=''
    exec $with_script env -i unshare -Urm --pid --fork --kill-child --uts /bin/sh /store/.pfcon/slurm/.5f/launch.sh "$@" inside
fi
child='' stopping=''
trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child"' TERM
read -r launcher _ </proc/self/stat && echo "$launcher" >"$2/launcher" || exit 125
hostname "job-$3" 2>/dev/null || :
set -e
directory=/store/key-7/outgoing
mount --rbind "$directory" "$directory"
directory=/store/key-7/incoming
mount --rbind "$directory" "$directory"
for kept in nosuid,nodev nosuid,nodev,noexec nosuid,nodev,noatime nosuid,nodev,noexec,noatime refused; do
    [ "$kept" != refused ] || { echo "pfcon: the inputs can't be made read-only" >&2; exit 125; }
    ! mount -o "remount,bind,ro,$kept" "$directory" 2>/dev/null || break
done
set +e
(umask 077 && cat >"$2/env") <<'END_5f' || exit 125
PATH='/opt/bin:/bin'
TOKEN='it's "quoted" $HOME `id`'
FOREIGN='Größe 日本'
EMPTY=''
PFCON_WORKERS='1'
END_5f
cat "$2/worker" >>"$2/env" || exit 125
run() {
export USER=root
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
exec "$1" --env-no-expand '--unset-env=!(HOME)' --uid=0 --gid=0 --set-env="$2/env" --private-tmp --bind=/store/key-7/incoming:/share/incoming --bind=/store/key-7/outgoing:/share/outgoing --cd='/work dir' /store/.pfcon/slurm-images/ab/rootfs -- prog --name 'a b'
}
run "$@" &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
