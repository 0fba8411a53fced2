# shellcheck shell=bash
# Processes that a script starts and a later one ends, known again by a note in a file; for other scripts to source.

PROC=/proc # of Linux; elsewhere ps(1) answers

# detached COMMAND...: become that command, as the leader of a new session that no hangup ends. For `detached ... &`: the
# pid of the job is then the command's. There is no setsid(1) outside of Linux. Needs PYTHON_PATH.
detached() {
    exec "$PYTHON_PATH" -c 'import os, signal, sys
os.setsid()
signal.signal(signal.SIGHUP, signal.SIG_IGN)
os.execvp(sys.argv[1], sys.argv[1:])' "$@"
}

# note_get FILE KEY: print what note_process wrote down; nothing when there is no note.
note_get() {
    [ ! -f "$1" ] || sed -n "s/^$2=//p" "$1"
}

# note_process FILE PID [KEY=VALUE]...: write down a running process, and more.
note_process() {
    {
        printf 'pid=%s\nstarted=%s\n' "$2" "$(process_started "$2")"
        [ $# -eq 2 ] || printf '%s\n' "${@:3}"
    } >"$1"
}

# noted_pid FILE: print the pid of the noted process; fails when it does not run.
noted_pid() {
    local pid
    pid=$(note_get "$1" pid)
    [ -n "$pid" ] && [ -n "$(note_get "$1" started)" ] &&
        [ "$(process_started "$pid")" = "$(note_get "$1" started)" ] || return 1
    echo "$pid"
}

# process_started PID: print when the kernel started that process (proc_pid_stat(5), field 22; or lstart of ps(1));
# nothing when it ended.
process_started() {
    local stat fields
    if [ ! -r "$PROC/self/stat" ]; then
        read -r stat fields <<<"$(LC_ALL=C ps -o stat= -o lstart= -p "$1" 2>/dev/null)" || true
        [[ $stat == Z* ]] || printf '%s' "${fields:+$fields$'\n'}"
        return 0
    fi
    stat=$(cat "$PROC/$1/stat" 2>/dev/null) || return 0
    read -r -a fields <<<"${stat##*) }" # from the third field on: the second, a name, may hold blanks
    [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

# end_noted FILE SECONDS NAME: end the noted process, which leads its group; succeeds when there is none.
end_noted() {
    local pid
    pid=$(noted_pid "$1") || return 0
    kill -TERM "$pid" 2>/dev/null || true
    wait_for_end "$2" "$pid" || true
    end_process_group "$pid" # nothing is left of it after a graceful stop
    echo "stopped $3 (pid $pid)"
}

# end_process_group PID: kill what is left of a process's group, which it leads.
end_process_group() {
    kill -KILL -- "-$1" 2>/dev/null || true
}

# wait_for_end SECONDS PID...: wait until all have ended; fails when it takes longer.
wait_for_end() {
    local until=$((SECONDS + $1)) pid
    shift
    for pid; do
        while [ -n "$(process_started "$pid")" ]; do
            [ "$SECONDS" -lt "$until" ] || return 1
            sleep 0.1
        done
    done
}

# wait_until PID SECONDS NAME COMMAND...: wait until the command succeeds; fails, and says why, when the process has
# ended or it takes too long.
wait_until() {
    local pid=$1 until=$((SECONDS + $2)) seconds=$2 name=$3
    shift 3
    until "$@" >/dev/null 2>&1; do
        if [ -z "$(process_started "$pid")" ]; then
            echo "$name did not start" >&2
            return 1
        elif [ "$SECONDS" -ge "$until" ]; then
            echo "$name does not answer after $seconds seconds" >&2
            return 1
        fi
        sleep 0.2
    done
}
