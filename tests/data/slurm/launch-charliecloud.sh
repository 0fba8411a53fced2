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
run() {
while IFS= read -r line; do export "$line"; done <"$2/worker"
export USER=root
export PATH=/opt/bin:/bin
export TOKEN='it'"'"'s "quoted" $HOME `id`'
export FOREIGN='Größe 日本'
export EMPTY=''
export PFCON_WORKERS=1
exec "$1" --unset-env=USER --uid=0 --gid=0 --private-tmp --bind=/store/key-7/incoming:/share/incoming --bind=/store/key-7/outgoing:/share/outgoing --cd='/work dir' /store/.pfcon/slurm-images/ab/rootfs -- prog --name 'a b'
}
run "$@" &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
