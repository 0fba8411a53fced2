# shellcheck shell=sh disable=SC2154 # JOB and PROGRAM come from what pfcon puts before this
# What `pfcon check` runs as a Slurm job: it tells what its node lacks, one word a line, and at the end the node's name.
{
    [ -z "$PROGRAM" ] || command -v "$PROGRAM" >/dev/null || echo "program"
    if [ "$PROGRAM" = podman ]; then
        init=init # where podman looks: containers.conf(5), init_path and helper_binaries_dir
        for directory in /usr/libexec /usr/local/libexec /usr/lib /usr/local/lib; do
            [ ! -x "$directory/podman/catatonit" ] || init=''
        done
        [ -z "$init" ] || command -v catatonit >/dev/null || echo "$init"
    fi
    unshare -Ur true 2>/dev/null || echo "namespaces"
    # In Slurm's own containers, its oci.conf(5) says what runs; without one, Slurm runs the job on the node itself.
    conf=''
    [ -n "$PROGRAM" ] || conf=$(scontrol show config 2>/dev/null | sed -n 's/^SLURM_CONF *= *//p')
    if [ -n "$conf" ] && [ ! -e "${conf%/*}/oci.conf" ]; then
        echo "oci.conf"
    elif [ -n "$conf" ]; then
        for known in runc nvidia-container-runtime ch-run enroot singularity apptainer; do
            ! grep -qiE "^[[:space:]]*RunTime(Run|Create)[[:space:]]*=.*[/\" ]${known}[[:space:]]" "${conf%/*}/oci.conf" ||
                echo "crun $known"
        done
    fi
    directory=$(mktemp -d "${TMPDIR:-/tmp}/pfcon.XXXXXX") && rmdir "$directory" || echo "temporary"
    echo "node $(uname -n)"
} >"$JOB/.found" && mv -f -- "$JOB/.found" "$JOB/found"
