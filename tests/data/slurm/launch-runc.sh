if [ "$#" -eq 3 ]; then
    with_script='setpriv --pdeathsig KILL'
    $with_script true 2>/dev/null || with_script=''
    exec $with_script unshare -Urm --pid --fork --kill-child /bin/sh /store/.pfcon/slurm/.5f/launch.sh "$@" inside
fi
child='' stopping=''
trap 'stopping=yes; [ -z "$child" ] || kill -TERM "$child"' TERM
read -r launcher _ </proc/self/stat && echo "$launcher" >"$2/launcher" || exit 125
mount -t proc proc /proc || exit 125
json=$(sed 's/"hostname": "job"/"hostname": "job-'"$3"'"/' /store/.pfcon/slurm/.5f/config.json) || exit 125
escaped=$(sed 's/[\"]/\\&/g' "$2/worker") || exit 125
variables=$(printf '%s\n' "$escaped" | sed 's/.*/"&"/; $!s/$/,/')
mount=$(printf '%s\n' "$escaped" | sed -n 's/^PMIX_SERVER_TMPDIR=//p')
options='"options": ["rbind", "nosuid", "nodev"]'
mount=${mount:+", {\"destination\": \"$mount\", \"source\": \"$mount\", $options}"}
mark='"PFCON_WORKER"], "cwd":'
begin=${json%%"$mark"*} rest=${json#*"$mark"}
mark='], "linux":'
printf '%s\n' "$begin$variables], \"cwd\":${rest%%"$mark"*}$mount$mark${rest#*"$mark"}" >"$2/config.json" || exit 125
run() {
exec "$1" --log=/store/.pfcon/slurm/.5f/launcher.log --rootless=true --root="$2"/oci run --bundle="$2" "pfcon-5f-$3"
}
run "$@" &
child=$!
[ -z "$stopping" ] || kill -TERM "$child"
while :; do
    wait "$child"
    status=$?
    [ "$status" -gt 128 ] && kill -0 "$child" || exit "$status"
done 2>/dev/null
