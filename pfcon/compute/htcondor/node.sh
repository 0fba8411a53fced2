# shellcheck shell=sh disable=SC2154,SC2034 # JOB is in the text that pfcon puts before this, job.sh comes after it
# What the script of an HTCondor job does before it is as on Slurm. It takes its id from HTCondor, and watches pfcon's
# orders in the job's directory, for a schedd that was restarted may have lost a running job: it runs the job again then,
# and can't end the first run. Each of several workers is a job of HTCondor with this script and a directory of its own in
# that of the job, see pfcon/compute/htcondor/folder.py. In the directories are:
#   alive       a number that changes every few seconds while a script runs; a second run waits until the first has ended
#   cancel, now, end.json   each ends the job, see pfcon/compute/slurm/folder.py
#   failed      of several workers: a link, whose target is the number of the first one that failed; it ends the others
SLURM_JOB_ID=$PFCON_HTCONDOR_ID SLURM_PROCID=${PFCON_HTCONDOR_WORKER:-0}
script=$$ interval=5 # seconds
case ${JOB##*/} in
    worker.*) all=${JOB%/*} ;;
    *) all=$JOB ;;
esac
NOW=$all/now # pfcon writes it once, for all workers

# ordered: whether pfcon ends the job or this worker, or another worker has failed.
ordered() {
    for order in "$all/cancel" "$NOW" "$all/end.json" "$JOB/end.json" "$all/failed"; do
        [ ! -e "$order" ] && [ ! -L "$order" ] || return 0
    done
    [ ! -d "$JOB" ]
}

# tell_others: if this worker has failed, as the first one, record that.
tell_others() {
    [ "$all" != "$JOB" ] && read -r result _ <"$JOB/exit" && [ "$result" -ne 0 ] &&
        ln -s -n -- "$SLURM_PROCID" "$all/failed"
} 2>/dev/null

# watch: show that the script lives, and end it if pfcon orders that, or has deleted the job.
watch() {
    beat=0
    while kill -0 "$script"; do
        beat=$((beat + 1))
        if ordered; then
            kill -TERM "$script"
            return
        fi
        echo "$beat" >"$JOB/alive"
        sleep "$interval"
    done
} 2>/dev/null

# wait_for_first: wait until the first run has written its end, or has shown no life for a minute.
wait_for_first() {
    last='' silent=0
    while [ ! -e "$JOB/exit" ] && [ "$silent" -lt 12 ] && [ -d "$JOB" ]; do
        sleep "$interval"
        beat=''
        read -r beat 2>/dev/null <"$JOB/alive"
        silent=$((silent + 1))
        [ "$beat" = "$last" ] || silent=0
        last=$beat
    done
}

[ "$all" = "$JOB" ] || ! ordered || ln -s -n -- pfcon "$JOB/claim" 2>/dev/null # it never starts
trap tell_others EXIT
case $(readlink "$JOB/claim") in
    '') watch </dev/null >/dev/null 2>&1 & ;;
    pfcon) ;; # which has prevented the start
    *) wait_for_first ;;
esac
