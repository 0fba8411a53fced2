if [ "$#" -eq 3 ]; then
    with_script='setpriv --pdeathsig KILL'
    $with_script true 2>/dev/null || with_script=''
    exec $with_script unshare -Urm --pid --fork --kill-child /bin/sh /store/.pfcon/slurm/.5f/launch.sh "$@" inside
fi
child='' stopping=''
trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child"' TERM
read -r launcher _ </proc/self/stat && echo "$launcher" >"$2/launcher" || exit 125
mount -t proc proc /proc || exit 125
(umask 077 && cat >"$2/env.sh") <<'END_5f' || exit 125
export PATH=/opt/bin:/bin
export TOKEN='it'"'"'s "quoted" $HOME `id`'
export FOREIGN='Größe 日本'
export EMPTY=''
export PFCON_WORKERS=1
END_5f
sed "s/'/'\\\\''/g; s/=\(.*\)/='\1'/; s/^/export /" "$2/worker" >>"$2/env.sh" || exit 125
run() {
exec "$1" --silent exec --containall --userns --no-privs --no-home --no-eval --uts --hostname="job-$3" --workdir="$2" --pwd='/work dir' --bind="$2/env.sh":/.singularity.d/env/99-job.sh:ro --bind=/store/key-7/incoming:/share/incoming:ro --bind=/store/key-7/outgoing:/share/outgoing:rw /store/.pfcon/slurm-images/ab/rootfs prog --name 'a b'
}
run "$@" &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
