#!/usr/bin/env bash
# Every engine, store and database of the tests at once, but for Ceph: `all.sh install|start|stop`, or a few:
# `all.sh start docker swift`.
# README.md in this directory tells what each is. `start` prints lines for `eval`.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

# In the order in which they need each other.
ORDER=(docker podman podman_rootless swarm postgresql registry swift ceph kubectl slurm htcondor image mpi_image kubernetes operations_image)
ONLY_NAMED=" ceph htcondor " # not among "every one": they are heavy, or most machines lack their packages

# timed COMMAND NAME: call the script of that name, and say how long it took.
timed() {
    local begin=$SECONDS
    "$REPOSITORY/tests/engines/$2.sh" "$1" || die "$2.sh $1 failed"
    say "$1 $2: $((SECONDS - begin)) s"
}

install() {
    local name
    for name; do
        timed install "$name" >&2
    done
}

start() {
    local name lines
    for name; do
        lines=$(timed start "$name")
        printf '%s\n' "$lines"
        eval "$lines" # later ones read what earlier ones set
    done
}

# stop NAME...: the last first; one that fails keeps none of the others.
stop() {
    local names=("$@") status=0 i
    for ((i = $# - 1; i >= 0; i--)); do
        "$REPOSITORY/tests/engines/${names[i]}.sh" stop || status=1
    done
    return "$status"
}

case ${1:-} in
    install | start | stop) ;;
    *)
        echo "usage: ${0##*/} install|start|stop [NAME...]" >&2
        echo "names: ${ORDER[*]}" >&2
        exit 2 ;;
esac
names=("${@:2}")
if [ ${#names[@]} -eq 0 ]; then
    for name in "${ORDER[@]}"; do
        [ "$1" != stop ] && [[ $ONLY_NAMED == *" $name "* ]] || names+=("$name")
    done
fi
for name in "${names[@]}"; do
    [[ " ${ORDER[*]} " == *" $name "* ]] || die "there is no $name; names: ${ORDER[*]}"
done
"$1" "${names[@]}"
