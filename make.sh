#!/usr/bin/env bash
# Installs pfcon, starts it in development mode and runs a sample job. `-h` tells more.
set -euo pipefail

usage() {
    cat <<'END'
Usage: ./make.sh [OPTION]...

Makes a virtual environment in .venv, installs pfcon there, starts it in development mode on this machine's
loopback address and runs a sample job through it, from its inputs to the list of its outputs.
It needs Python 3.11 or newer; it needs no root and no container registry. The exit status is that of the sample job.
On macOS it takes -O kubernetes alone: pfcon itself needs Linux, which is in the pods.

  -O ENGINE  docker, podman, swarm (a Docker that manages a Swarm of this machine alone) or process. Default: Docker
             if it answers, else Podman, else process, which runs jobs on this machine without isolation.
             slurm: the cluster that Slurm's commands reach here, at once or by SLURM_PREFIX.
             htcondor: the pool that HTCondor's commands reach here, at once or by HTCONDOR_PREFIX; not as root
             kubernetes, openshift: pfcon runs as a Deployment on the cluster that kubectl reaches at present
  -S DIR     storeBase, the directory that holds the jobs' data; default ./CHRIS_REMOTE_FS in the repository. On a
             cluster: a directory of its one node that user 1001 may write to; default a volume of its default class
  -F NAME    storage: zipfile, where inputs and outputs travel as zips; or, with -N, one of filesystem, fslink,
             swift and s3. Default zipfile, with -N swift
  -N         in-network storage: users' files lie near pfcon. filesystem and fslink find them in storeBase, below
             home/: filesystem mounts a job's inputs in place, fslink copies them and follows ChRIS links, as do
             swift and s3. For these two, a Swift that speaks S3 too is installed into .venv-swift and started
  -p PORT    default 5005
  -U         do not run the sample job. It is the only test that make.sh runs; the whole suite is tests/run.sh
  -i         do not attach a terminal; make.sh never does
  -s         do not pull images; make.sh never does
  -h, --help show this and exit

On a cluster, all is in the namespace pfcon-dev, made of kubernetes/overlays/development. PFCON_IMAGE names pfcon's image
in a registry that the nodes reach; without it, docker builds it, from a registry's base, and kind, minikube or k3s
give it to their nodes. It takes no swift or s3.

With slurm, pfcon gets SLURM_PARTITION, SLURM_LAUNCHER and the other SLURM_* as they are set, and TIMELIMIT_MINUTES, or
60; its nodes have to see storeBase. The sample job's image lies below SLURM_IMAGES, by default in storeBase.
With htcondor it is the same with HTCONDOR_LAUNCHER, HTCONDOR_IMAGES and the other HTCONDOR_*.

DOCKER_HOST says where Docker or Podman answers, where it is not one of the usual sockets; PYTHON names the Python.
Other settings of the service are taken from the environment, such as PFCON_LOG_FORMAT and PFCON_AUDIT_FILE.
Running it again reuses what is there. To stop the service, end the process whose pid it prints; its jobs and data stay,
and the same make.sh starts it again. ./unmake.sh ends it and removes everything, also all jobs and their data.
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
# shellcheck source=dev/ports.sh
. "$REPOSITORY/dev/ports.sh"
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

step() {
    printf '==> %s\n' "$*"
}

# need_same_options: end the script when the running service is another than the options ask for.
need_same_options() {
    local was now="-O $ENGINE -F $STORAGE -p $PORT -S $STOREBASE_DIR ${ENGINE_URL:+at $ENGINE_URL}" url
    url=$(state_get url)
    was="-O $(state_get engine) -F $(state_get storage) -p $(state_get port) -S $(state_get storebase) ${url:+at $url}"
    if [ "$was" != "$now" ]; then
        echo "pfcon runs already (pid $(service_pid)), with other options:" >&2
        echo "  running: $was" >&2
        echo "  asked:   $now" >&2
        echo "kill -TERM $(service_pid) stops it: its jobs and data stay." >&2
        echo "./unmake.sh ends it and removes it, with all its jobs and their data." >&2
        exit 1
    fi
}

# reusable: whether the running service can stay; says why when it can't.
reusable() {
    if [ "$(state_get store)" != "$STORE_URL" ]; then
        step "restarting pfcon: its store has moved"
    elif ! wait_until "$(service_pid)" 30 pfcon .venv/bin/python dev/probe.py health "$(service_url)"; then
        step "restarting pfcon: it does not answer"
    else
        return 0
    fi
    return 1
}

# need_free_port: reserve the port; end the script when another program has it.
need_free_port() {
    if ! hold_port "$PYTHON_PATH" dev/probe.py "$PORT"; then
        echo "Port $PORT is taken by $HELD_PORT. End that, or choose another port with -p." >&2
        exit 1
    fi
}

# bring_up: have the service running, with an environment that fits the package, and the store that it needs.
bring_up() {
    if service_pid >/dev/null; then
        need_same_options
        if ! venv_is_current .venv ""; then
            step "restarting pfcon: it is installed anew"
            stop_service
        fi
    else
        need_free_port
    fi
    step "virtual environment"
    ensure_venv .venv ""
    if [[ $STORAGE == swift || $STORAGE == s3 ]]; then
        step "store"
        start_store
    fi
    if service_pid >/dev/null; then
        if reusable; then
            step "pfcon runs already (pid $(service_pid)); reusing it"
            return 0
        fi
        stop_service
    fi
    step "storeBase: $STOREBASE_DIR"
    make_storebase "$STOREBASE_DIR"
    step "starting pfcon"
    mkdir -p "$STATE_DIR"
    start_service
}

# run_sample: run the sample job; the exit status is its.
run_sample() {
    if [ "$ENGINE" != process ]; then
        step "image of the sample job"
        DOCKER_HOST=$ENGINE_URL PYTHON=$PYTHON_PATH sample/image.sh "$ENGINE" || return
    fi
    step "sample job"
    env ${STORE_ENV[@]+"${STORE_ENV[@]}"} .venv/bin/python sample/run_job.py --url "$(service_url)" --user "$USER_NAME" \
        --password "$PASSWORD" --engine "$ENGINE" --storage "$STORAGE" --storebase "$STOREBASE_DIR"
}

# sample_command: print how the sample job is run once more.
sample_command() {
    [ ${#STORE_ENV[@]} -eq 0 ] || printf '%s ' env "${STORE_ENV[@]}"
    printf '.venv/bin/python sample/run_job.py --url %s' "$(service_url)"
    [ "$STORAGE" = zipfile ] || printf ' --storage %s --storebase %q' "$STORAGE" "$STOREBASE_DIR"
}

tell() {
    cat <<END

pfcon runs at $(service_url) (user $USER_NAME, password $PASSWORD)
  look:      curl http://127.0.0.1:$PORT/api/v1/health/
  once more: $(sample_command)
  log:       $PWD/$LOG
  stop it:   kill -TERM $(service_pid); jobs and data stay, and the same make.sh starts it again
  remove it: ./unmake.sh, with all jobs and data

For pfcon run, pfcon jobs and the like, in this shell:
  export PATH=$(printf %q "$PWD/.venv/bin"):\$PATH
  export PFCON_URL=http://127.0.0.1:$PORT PFCON_USER=$USER_NAME PFCON_PASSWORD=$PASSWORD
END
}

parse_options "$@"
need_linux
cd -- "$REPOSITORY"
if [[ $ENGINE == kubernetes || $ENGINE == openshift ]]; then
    need_mountable "$STOREBASE_DIR"
    PYTHON_PATH=$(find_python)
    make_on_cluster
    exit
fi
: "${STOREBASE_DIR:=$REPOSITORY/CHRIS_REMOTE_FS}"
need_mountable "$STOREBASE_DIR"
PYTHON_PATH=$(find_python)
step "choosing"
choose_engine
bring_up
status=0
if [ "$SAMPLE" = yes ]; then
    run_sample || status=$?
fi
tell
exit "$status"
