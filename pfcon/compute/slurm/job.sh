# shellcheck shell=sh disable=SC2154,SC2317 # JOB, NOW, PROGRAM, GRACE, TASKS, CORES, FIRST, PART, BLOCK, BLOCKS, MPI, NUMBERS, KEPT, GPUS, stop() are in the text that pfcon puts before
# The batch script of a job, on its node. It creates in the job's directory:
#   claim   a dangling link, whose target is the id of the Slurm job that runs this directory: only one ever does
#   exit    how the container ended: a status, and sometimes a word: no-launcher, no-temporary, aborted
#   node.N  a dangling link, whose target is the name of the node that runs worker N; its time is that of the start
#   log     the output of the container; log.N is the part after the first N bytes
#   failed  with several workers: a link, whose target is the status and the word of the first one that failed
# and reads `order`, if it exists: any word except `go` ends the job. NOW is the path of a file that ends the grace.
# It runs only the container, never programs of this host: without a launcher, or outside of a container, it fails.
# Workers run until their standard input ends: srun would forward a signal to all processes, or kill them.
set -u
umask 022
export PATH
child='' killer='' stopping='' TEMPORARY='' word='' reader=0
margin=0 # more time for several workers, in fifths of a second: they apply the grace themselves

# finish STATUS [WORD]: write the record of the end, and exit.
finish() {
    [ -z "$TEMPORARY" ] || rm -rf -- "$TEMPORARY"
    rm -f -- "$JOB/launch.sh" # it contains the job's environment, as the bundle does, which Slurm itself may still need
    [ -z "$PROGRAM" ] || rm -f -- "$JOB/config.json"
    echo "$@" >"$JOB/.exit" && mv -f -- "$JOB/.exit" "$JOB/exit"
    exit "$1"
}

# finish_worker STATUS [WORD]: the same for one of several workers. The first that failed counts: srun ends the others.
finish_worker() {
    [ "$1" -eq 0 ] || ln -s -n -- "$*" "$JOB/failed" 2>/dev/null
    [ -z "$TEMPORARY" ] || rm -rf -- "$TEMPORARY"
    exit "$1"
}

# make_temporary: create a directory on this node. Delete those of killed scripts, with their copies of the environment.
# A directory is kept if its line is incomplete, as it is just being written, or if it is of another node or container,
# because its process is not visible here.
make_temporary() {
    read -r node </proc/sys/kernel/hostname
    here="$node $(readlink /proc/self/ns/pid)"
    for old in "${TMPDIR:-/tmp}"/pfcon.??????; do
        if read -r pid there 2>/dev/null <"$old/pid" && [ "$there" = "$here" ]; then
            kill -0 "$pid" 2>/dev/null || rm -rf -- "$old"
        fi
    done
    TEMPORARY=$(mktemp -d "${TMPDIR:-/tmp}/pfcon.XXXXXX") && echo "$$ $here" >"$TEMPORARY/pid"
}

# terminate: send SIGTERM to the launcher, also below unshare(1), which does not forward it.
terminate() {
    read -r launcher 2>/dev/null <"$TEMPORARY/launcher" || launcher=$child
    kill -TERM "$launcher"
}

# kill_later: kill what ignores SIGTERM after the grace, or immediately if NOW exists.
kill_later() {
    trap '' TERM
    left=$((GRACE * 5 + margin))
    while [ "$left" -gt 0 ]; do
        if [ "$left" -gt "$margin" ] && [ -e "$NOW" ]; then
            left=$margin
        else
            sleep 0.2
            left=$((left - 1))
        fi
    done
    if [ "$margin" -gt 0 ]; then
        kill -TERM "$child" # srun makes Slurm kill the remaining workers, and waits for that
    else
        stop
        kill -KILL "$child"
    fi
}

# on_term: Slurm ends the job, because it was cancelled or has reached its time limit.
on_term() {
    [ -z "$stopping" ] || return 0
    stopping=yes
    [ -n "$child" ] || return 0
    if [ "$margin" -gt 0 ]; then exec 3>&-; else terminate; fi
    kill_later &
    killer=$!
}

# await PID: wait for its end, also if signals interrupt that; returns its exit status.
await() {
    while :; do
        wait "$1"
        waited=$?
        [ "$waited" -gt 128 ] && kill -0 "$1" || return "$waited"
    done
} 2>/dev/null

# tell: write to the file `worker` what the worker knows of itself, one variable in each line; launch.sh adds them. It has
# its number, and what Slurm tells a task: srun(1), "OUTPUT ENVIRONMENT VARIABLES". A variable of the job itself stays.
tell() {
    for name in $NUMBERS; do
        echo "$name=${SLURM_PROCID:-0}"
    done
    for name in $GPUS; do # which ones the job may use
        eval "value=\${$name-}"
        [ -z "$value" ] || echo "$name=$value"
    done
    env | while IFS= read -r line; do
        name=${line%%=*}
        case " $KEPT " in *" $name "*) continue ;; esac
        case $name in
            SLURM_PROCID | SLURM_NTASKS | SLURM_LOCALID | SLURM_NODEID | SLURM_JOB_NODELIST | SLURM_JOB_ID | PMIX_* | \
                SLURM_JOBID | SLURM_NODELIST | SLURM_STEP_ID) # these are for Open MPI 4
                printf '%s\n' "$line"
                ;;
        esac
    done
}

# supervise: run the container of one worker; returns its exit status.
supervise() {
    [ -z "$stopping" ] || return 143
    tell >"$TEMPORARY/worker"
    ln -s -n -- "${SLURMD_NODENAME:-$node}" "$JOB/node.${SLURM_PROCID:-0}" 2>/dev/null
    /bin/sh "$JOB/launch.sh" "$PROGRAM" "$TEMPORARY" "${SLURM_PROCID:-0}" </dev/null &
    child=$!
    ended "$child"
}

# spread: the same for several workers, each of which runs this script with the word `worker`.
spread() {
    margin=10
    [ -z "$stopping" ] || return 143
    exec 3<>"$TEMPORARY/go"
    srun --ntasks="$TASKS" --cpus-per-task="$CORES" --kill-on-bad-exit=1 --mpi="$MPI" \
        /bin/sh "$JOB/job.sh" worker 2>>"$JOB/slurm.log" <"$TEMPORARY/go" 3>&- &
    child=$!
    ended "$child" && return # otherwise srun's own status is the highest one of all workers
    # shellcheck disable=SC2046 # a status, and maybe a word
    set -- $(readlink "$JOB/failed" || echo 125 aborted)
    word=${2-}
    return "$1"
}

# listen: the end of its standard input orders a worker to end, also if the batch script was killed.
listen() {
    read -r _ || kill -TERM "$$"
}

# keep: write standard input to the log, in the format of pfcon/compute/kept_log.py. dd writes immediately what it reads,
# and reads at most its limit: nothing is lost between two files, or if this script is killed.
keep() {
    command -v dd >/dev/null || { cat >>"$JOB/log"; return; } # of the image, if Slurm starts the container
    file=$JOB/log most=$FIRST before='' total=0 size=0
    while :; do
        dd bs="$BLOCK" count="$BLOCKS" 2>/dev/null >>"$file" || return
        now=$(stat -c %s -- "$file" 2>/dev/null || wc -c <"$file") || return
        [ "$now" -gt "$size" ] || return 0 # the end
        size=$now
        [ "$size" -ge "$most" ] || continue
        total=$((total + size))
        [ -z "$before" ] || rm -f -- "$before"
        before=$file most=$PART size=0 file=$JOB/log.$total
        [ "$before" != "$JOB/log" ] || before=''
    done
}

# ended PID: wait for the container, and make sure that none of its processes remains.
ended() {
    if [ -n "$stopping" ] && [ -z "$killer" ]; then # the signal arrived before the process to which it is forwarded
        stopping=''
        on_term
    fi
    await "$1"
    result=$?
    child=''
    [ -z "$killer" ] || kill -KILL "$killer" 2>/dev/null
    [ "$margin" -gt 0 ] || stop >/dev/null 2>&1
    return "$result"
}

# obey: if Slurm starts the container, signals arrive only if oci.conf forwards them, but pfcon's order in the job's
# directory always arrives. The file is opened each time, which makes NFS check it again.
obey() {
    while sleep 0.5 && read -r order <"$JOB/order"; do
        [ "$order" = go ] || { kill -TERM "$$"; return; }
    done
}

# sweep: kill the remaining processes of a job in Slurm's own container, except the reader of its output and that one's
# children. It may run in a subshell, which does not know its own process id.
sweep() {
    read -r self _ </proc/self/stat
    for round in 1 2 3 4 5 6 7 8 9 10; do
        found=''
        for entry in /proc/[0-9]*; do
            read -r line 2>/dev/null <"$entry/stat" || continue
            line=${line##*) } # its state, and its parent's id
            state=${line%% *} parent=${line#? }
            parent=${parent%% *}
            read -r line 2>/dev/null <"/proc/$parent/stat" || line=') ? 0 '
            line=${line##*) } # its parent's
            line=${line#? }
            case "$state ${entry#/proc/} $parent ${line%% *} " in
                Z* | ?" 1 "* | ?" $self "* | *" $reader "*) ;;
                *) kill -KILL "${entry#/proc/}" 2>/dev/null && found=$round ;;
            esac
        done
        [ -n "$found" ] || return 0
    done
}

trap on_term TERM INT HUP
if [ "${1-}" = worker ]; then
    exec 2>&1 # srun's own messages use the other stream
    PROGRAM=$(command -v "$PROGRAM") || finish_worker 125 no-launcher
    make_temporary || finish_worker 125 no-temporary
    exec 3<&0
    listen <&3 &
    listener=$!
    exec 3<&-
    supervise
    status=$?
    kill -KILL "$listener" 2>/dev/null
    finish_worker "$status" ${stopping:+aborted}
fi
if [ -d "$JOB" ] && [ ! -e "$JOB/job.sh" ]; then # Slurm 24.11 creates the directory of --output if it does not exist
    rm -f -- "$JOB/slurm.log"
    rmdir -- "$JOB"
    exit 97
fi
ln -s -n -- "$SLURM_JOB_ID" "$JOB/claim" || exit 98 # claimed, or removed; or this runs outside of its container
[ -n "$PROGRAM" ] || obey </dev/null >/dev/null 2>&1 &
[ -z "$PROGRAM" ] || PROGRAM=$(command -v "$PROGRAM") || finish 125 no-launcher
make_temporary || finish 125 no-temporary
mkfifo "$TEMPORARY/output" "$TEMPORARY/go" || finish 125 no-temporary
# A pipe, not the file itself: `> /dev/stderr` in a job would empty the file. On a full disk the job continues.
{
    trap '' TERM INT HUP
    keep || cat >/dev/null
} <"$TEMPORARY/output" &
reader=$!
if [ "$TASKS" -gt 1 ]; then spread; else supervise; fi >"$TEMPORARY/output" 2>&1
status=$?
await "$reader"
finish "$status" ${word:+"$word"}
