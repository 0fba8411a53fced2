# shellcheck shell=sh disable=SC2154 # JOB and PROGRAM come from what pfcon puts before this
# What `pfcon check` runs as a Slurm job: it tells what its node lacks, one word a line, and at the end the node's name.
{
    [ -z "$PROGRAM" ] || command -v "$PROGRAM" >/dev/null || echo "program"
    unshare -Ur true 2>/dev/null || echo "namespaces"
    directory=$(mktemp -d "${TMPDIR:-/tmp}/pfcon.XXXXXX") && rmdir "$directory" || echo "temporary"
    echo "node $(uname -n)"
} >"$JOB/.found" && mv -f -- "$JOB/.found" "$JOB/found"
