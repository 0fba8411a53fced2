# shellcheck shell=bash
# Finds the engine that runs the jobs, for make.sh and sample/image.sh to source.
# Needs PYTHON_PATH, a Python 3; sets what find_engine says.

# candidate_urls KIND: the URLs at which an engine may answer, the likeliest first. KIND: docker, swarm or podman.
candidate_urls() {
    [ -z "${DOCKER_HOST:-}" ] || printf '%s\n' "$DOCKER_HOST"
    if [ "$1" = podman ]; then
        printf 'unix://%s\n' ${XDG_RUNTIME_DIR:+"$XDG_RUNTIME_DIR/podman/podman.sock"} /run/podman/podman.sock
    else
        printf 'unix://%s\n' /var/run/docker.sock ${XDG_RUNTIME_DIR:+"$XDG_RUNTIME_DIR/docker.sock"}
    fi
}

# is_kind KIND SAYS: whether what engine_api.py says of an engine is of that kind.
is_kind() {
    case $1 in
        swarm) [[ $2 == docker*", manager of a Swarm" ]] ;;
        *) [ "${2%% *}" = "$1" ] ;;
    esac
}

# find_engine KIND: set ENGINE_URL and ENGINE_SAYS ("docker 20.10 rootful") and succeed when one answers;
# else set ENGINE_FAULTS to why each did not.
find_engine() {
    local url
    ENGINE_FAULTS=""
    while IFS= read -r url; do
        if ! ENGINE_SAYS=$("$PYTHON_PATH" dev/engine_api.py probe "$url" 2>&1); then
            ENGINE_FAULTS+="  $ENGINE_SAYS"$'\n'
        elif ! is_kind "$1" "$ENGINE_SAYS"; then
            ENGINE_FAULTS+="  $url is $ENGINE_SAYS"$'\n'
        else
            ENGINE_URL=$url
            return 0
        fi
    done < <(candidate_urls "$1")
    return 1
}

# find_any_engine: like find_engine, for the first kind that answers; what DOCKER_HOST names comes first.
find_any_engine() {
    local kind kinds=(docker podman) faults=""
    if [ -n "${DOCKER_HOST:-}" ] && [[ $("$PYTHON_PATH" dev/engine_api.py probe "$DOCKER_HOST" 2>&1) == podman* ]]; then
        kinds=(podman docker)
    fi
    for kind in "${kinds[@]}"; do
        if find_engine "$kind"; then
            ENGINE=$kind
            return 0
        fi
        faults+=$ENGINE_FAULTS
    done
    ENGINE_FAULTS=$faults
    return 1
}

# is_batch: whether jobs run in a batch system.
is_batch() {
    [[ $ENGINE == slurm || $ENGINE == htcondor ]]
}

# choose_engine: set ENGINE, and ENGINE_URL where it is not process; ENGINE may be set already. Says what and why.
# With a batch system, dev/batch.sh says them.
choose_engine() {
    ENGINE_URL=""
    if [ "$ENGINE" = process ]; then
        echo "engine: process, as -O says: jobs run on this machine, without isolation"
    elif is_batch; then
        find_batch
    elif [ -n "$ENGINE" ]; then
        if ! find_engine "$ENGINE"; then
            printf 'No %s answers:\n%s' "$ENGINE" "$ENGINE_FAULTS" >&2
            advise "$ENGINE" >&2
            return 1
        fi
        echo "engine: $ENGINE, as -O says: $ENGINE_SAYS at $ENGINE_URL"
    elif find_any_engine; then
        echo "engine: $ENGINE, because it answers: $ENGINE_SAYS at $ENGINE_URL"
    else
        ENGINE=process
        echo "engine: process, because neither Docker nor Podman answers: jobs run on this machine, without isolation"
        printf '%s' "$ENGINE_FAULTS"
    fi
}

# advise KIND: how a user gets an engine that answers.
advise() {
    case $1 in
        docker) echo "Start Docker (and join the group docker), set DOCKER_HOST, or take -O process." ;;
        swarm)
            echo "Make the Docker that answers a Swarm (docker swarm init --advertise-addr 127.0.0.1), set DOCKER_HOST to a" \
                "manager's socket, or take -O docker." ;;
        *) echo "Start its service (systemctl --user start podman.socket, or podman system service -t 0 URL)," \
            "set DOCKER_HOST to its URL, or take -O process." ;;
    esac
}
