# shellcheck shell=bash
# The service that make.sh starts and unmake.sh ends, for these two to source.
# The current directory is the repository. Needs dev/processes.sh.

STATE_DIR=.pfcon-dev
STATE=$STATE_DIR/state
LOG=$STATE_DIR/pfcon.log
MARKER=.made-by-pfcon # in a storeBase that make.sh found absent or empty: unmake.sh may clear it
USER_NAME=pfcon
PASSWORD=pfcon1234
START_SECONDS=180 # one that ends is told at once
STOP_SECONDS=20
JOB_SECONDS=20 # a job gets a while to end when it is asked to

# state_get KEY: print what start_service wrote down; nothing when there is no note.
state_get() {
    note_get "$STATE" "$1"
}

# service_pid: print the pid of the running service that make.sh started here; fails when there is none.
service_pid() {
    noted_pid "$STATE"
}

# job_label STOREBASE: print the label that marks the containers of this storeBase's jobs.
job_label() {
    printf 'org.chrisproject.make=%s\n' "$(printf '%s' "$1" | cksum | cut -d ' ' -f 1)"
}

# service_url: print where the API is.
service_url() {
    echo "http://127.0.0.1:$PORT/api/v1/"
}

# start_service: start pfcon with what the options chose, detached, and wait until it answers.
start_service() {
    local pid begin=1 container_env=() notes=() storebase=$STOREBASE_DIR
    if is_batch; then
        read_lines notes < <(batch_notes)
    elif [ "$ENGINE" != process ]; then
        container_env=(DOCKER_HOST="$ENGINE_URL" JOB_LABELS="$(job_label "$storebase")")
        # Outputs have to belong to whom the service runs as; in a rootless engine, root is that user.
        if [ "$(id -u)" -ne 0 ] && [[ $ENGINE_SAYS != *" rootless"* ]]; then
            container_env+=(CONTAINER_USER="$(id -u):$(id -g)")
        elif [ "$(id -u)" -eq 0 ] && [[ $ENGINE_SAYS == *" rootless"* ]]; then
            container_env+=(PFCON_PASSABLE=true) # the engine is another user's, who has to pass
        fi
    fi
    [ ! -f "$LOG" ] || begin=$(($(wc -c <"$LOG") + 1)) # the lines of earlier starts are kept
    detached env -u DOCKER_HOST -u DOCKER_TLS_VERIFY -u DOCKER_CERT_PATH \
        APPLICATION_MODE=development PFCON_USER=$USER_NAME PFCON_PASSWORD=$PASSWORD \
        PFCON_INNETWORK="$INNETWORK" STORAGE_ENV="$STORAGE" \
        CONTAINER_ENV="$ENGINE" COMPUTE_VOLUME_TYPE=host STOREBASE_MOUNT="$storebase" STOREBASE="$storebase" \
        PFCON_GRACEFUL_TIMEOUT=10 ${container_env[@]+"${container_env[@]}"} ${STORE_ENV[@]+"${STORE_ENV[@]}"} \
        .venv/bin/pfcon serve --bind "127.0.0.1:$PORT" >>"$LOG" 2>&1 </dev/null &
    pid=$!
    note_process "$STATE" "$pid" "port=$PORT" "engine=$ENGINE" "url=$ENGINE_URL" "storebase=$STOREBASE_DIR" \
        "storage=$STORAGE" "store=$STORE_URL" ${notes[@]+"${notes[@]}"}
    if ! wait_until "$pid" "$START_SECONDS" pfcon .venv/bin/python dev/probe.py health "$(service_url)"; then
        echo "the end of its log, $PWD/$LOG:" >&2
        tail -c "+$begin" "$LOG" | tail -n 30 >&2
        end_process_group "$pid"
        rm -f "$STATE"
        return 1
    fi
    echo "pfcon answers at $(service_url) (pid $pid)"
}

# stop_service: end the service that make.sh started; succeeds when there is none.
stop_service() {
    end_noted "$STATE" "$STOP_SECONDS" pfcon
}

# read_lines NAME: set the array of that name to the lines of the standard input. bash 3.2 has no mapfile.
read_lines() {
    local line
    eval "$1=()"
    # shellcheck disable=SC2034 # eval uses the line
    while IFS= read -r line; do
        eval "$1+=(\"\$line\")"
    done
}

# process_jobs STOREBASE: print the pids of the process engine's supervisors of jobs there.
process_jobs() {
    local file words
    for file in "$PROC"/[0-9]*/cmdline; do
        words=$({ tr '\0' ' ' <"$file"; } 2>/dev/null) || continue # it may have ended
        if [[ $words == *"/compute/process/supervisor.py $1/"* ]]; then
            file=${file%/cmdline}
            echo "${file##*/}"
        fi
    done
}

# stray_processes STOREBASE: print the pids of a job's processes that have lost their supervisor.
# Their working directory is that of the outputs: of the job's own, or in-network of the user's.
stray_processes() {
    local directory
    for directory in "$PROC"/[0-9]*; do
        [[ $(readlink "$directory/cwd" 2>/dev/null) == "$1"/* ]] || continue
        ! { tr '\0' '\n' <"$directory/environ"; } 2>/dev/null | grep -q '^PFCON_JOB=' || echo "${directory##*/}"
    done
}

# end_process_jobs STOREBASE: end the jobs of the process engine there, which outlive the service.
end_process_jobs() {
    local pids=()
    read_lines pids < <(process_jobs "$1")
    if [ ${#pids[@]} -gt 0 ]; then
        kill -TERM "${pids[@]}" 2>/dev/null || true
        wait_for_end "$JOB_SECONDS" "${pids[@]}" || kill -KILL "${pids[@]}" 2>/dev/null || true
        echo "ended ${#pids[@]} running job(s)"
    fi
    read_lines pids < <(stray_processes "$1")
    [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
}

# make_storebase DIR: create it where it is missing, and mark it when it is new or empty.
make_storebase() {
    if [ ! -e "$1" ]; then
        mkdir -p -- "$1"
        chmod 755 -- "$1" # jobs of other users pass through
        echo created >"$1/$MARKER"
    elif [ ! -d "$1" ] || [ ! -w "$1" ]; then
        echo "$1 is no directory that this user may write to" >&2
        return 1
    elif [ -z "$(ls -A -- "$1")" ]; then
        echo emptied >"$1/$MARKER"
    fi
}

# remove_storebase DIR: remove it when make.sh created it; empty it when it was empty before; keep what was in use.
remove_storebase() {
    [ -d "$1" ] || return 0
    case $(cat -- "$1/$MARKER" 2>/dev/null) in
        created) ;;
        emptied)
            find "$1" -mindepth 1 -delete
            echo "emptied $1"
            return 0 ;;
        *)
            echo "kept $1 with what it holds: it was in use before make.sh"
            return 0 ;;
    esac
    rm -rf -- "$1"
    echo "removed $1"
}
