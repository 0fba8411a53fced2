#!/usr/bin/env bash
# Ends what make.sh started and removes what it made. `-h` tells more.
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./unmake.sh [OPTION]...

Ends the pfcon that make.sh started, the jobs that it runs and the Swift that it uses, and removes the virtual
environments, the logs, the image of the sample job, and storeBase and Swift with all data in them. A storeBase that
held something before make.sh is kept. On a cluster: the namespace pfcon-dev with its volume's claim and data.
Running it again does no harm.

It takes the options of make.sh and needs none: make.sh has left a note of what it did.

  -S DIR     storeBase; default: the one of the running service, else ./CHRIS_REMOTE_FS in the repository
  -O ENGINE  docker, podman, swarm, kubernetes, openshift, slurm, htcondor or process; default: that of the running
             service
  -F NAME, -N, -p PORT, -U, -i, -s
             accepted, without effect
  -h, --help show this and exit
END
}

REPOSITORY=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd -P)
# shellcheck source=dev/options.sh
. "$REPOSITORY/dev/options.sh"
# shellcheck source=dev/venv.sh
. "$REPOSITORY/dev/venv.sh"
# shellcheck source=dev/engine.sh
. "$REPOSITORY/dev/engine.sh"
# shellcheck source=dev/processes.sh
. "$REPOSITORY/dev/processes.sh"
# shellcheck source=dev/service.sh
. "$REPOSITORY/dev/service.sh"
# shellcheck source=dev/batch.sh
. "$REPOSITORY/dev/batch.sh"
# shellcheck source=dev/store.sh
. "$REPOSITORY/dev/store.sh"
# shellcheck source=dev/image.sh
. "$REPOSITORY/dev/image.sh"
# shellcheck source=dev/rollout.sh
. "$REPOSITORY/dev/rollout.sh"
# shellcheck source=dev/cluster.sh
. "$REPOSITORY/dev/cluster.sh"

# find_engine_url: set ENGINE and ENGINE_URL from make.sh's note, or from -O; empty when there is nothing to clean there.
find_engine_url() {
    ENGINE_URL=""
    if [ -n "$(state_get engine)" ]; then
        ENGINE=$(state_get engine)
        ENGINE_URL=$(state_get url)
    elif [ -n "$PYTHON_PATH" ] && [ -n "$ENGINE" ] && [[ $ENGINE =~ ^(docker|podman|swarm)$ ]]; then
        find_engine "$ENGINE" || ENGINE_URL=""
    fi
}

# clean_engine: remove this storeBase's jobs from the engine, and the sample job's image.
clean_engine() {
    local kind=jobs names name
    [ "$ENGINE" != swarm ] || kind=services
    if [ -z "$ENGINE_URL" ] || [ -z "$PYTHON_PATH" ]; then
        return 0
    fi
    if ! names=$("$PYTHON_PATH" dev/engine_api.py "remove-$kind" "$ENGINE_URL" "$(job_label "$STOREBASE_DIR")"); then
        echo "$ENGINE does not answer: jobs and the image local/pfcon-sample:1 may be left there" >&2
        return 0
    fi
    for name in $names; do
        echo "removed ${kind%s} $name"
    done
    if "$PYTHON_PATH" dev/engine_api.py remove-image "$ENGINE_URL" local/pfcon-sample:1; then
        echo "removed image local/pfcon-sample:1"
    fi
}

# remove_made DIR...: remove what make.sh made in the repository.
remove_made() {
    local path
    for path; do
        [ ! -e "$path" ] || { rm -rf -- "$path" && echo "removed $path"; }
    done
}

parse_options "$@"
cd -- "$REPOSITORY"
: "${STOREBASE_DIR:=$(state_get storebase)}"
: "${STOREBASE_DIR:=$REPOSITORY/CHRIS_REMOTE_FS}"
need_mountable "$STOREBASE_DIR"
PYTHON_PATH=$(find_python 2>/dev/null || true)
remove_from_cluster
find_engine_url
stop_service
stop_store
end_process_jobs "$STOREBASE_DIR"
if is_batch; then
    clean_batch
else
    clean_engine
fi
remove_storebase "$STOREBASE_DIR"
remove_made "$STATE_DIR" .venv "$STORE_VENV" pfcon.egg-info
find pfcon dev sample -name __pycache__ -type d -prune -exec rm -rf {} +
echo "done: nothing of make.sh is left"
