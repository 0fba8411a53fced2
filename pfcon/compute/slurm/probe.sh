# shellcheck shell=sh disable=SC2154 # JOB and PROGRAM come from what pfcon puts before this
# `pfcon check` runs this as a Slurm job. It reports what its node lacks, one word per line, and then the node's name.
{
    [ -z "$PROGRAM" ] || command -v "$PROGRAM" >/dev/null || echo "program"
    if [ "$PROGRAM" = podman ]; then
        init=init # podman's directories: containers.conf(5), init_path and helper_binaries_dir
        for directory in /usr/libexec /usr/local/libexec /usr/lib /usr/local/lib; do
            [ ! -x "$directory/podman/catatonit" ] || init=''
        done
        [ -z "$init" ] || command -v catatonit >/dev/null || echo "$init"
    fi
    unshare -Ur true 2>/dev/null || echo "namespaces"
    # For Slurm's own containers, oci.conf(5) sets the runtime; without it, Slurm runs jobs on the node itself.
    conf=''
    [ -n "$PROGRAM" ] || conf=$(scontrol show config 2>/dev/null | sed -n 's/^SLURM_CONF *= *//p')
    if [ -n "$conf" ] && [ ! -e "${conf%/*}/oci.conf" ]; then
        echo "oci.conf"
    elif [ -n "$conf" ]; then
        unfit='ch-run enroot enroot-start-wrapper singularity apptainer'
        # Before 24.11 (22.05 was tried), Slurm takes only a bundle's own `rootfs`, which is a link, and runc refuses links.
        read -r _ release _ <<END
$(scontrol --version)
END
        minor=${release#*.}
        [ "${release%%.*}" -gt 24 ] || [ "${release%%.*}.${minor%%.*}" = 24.11 ] ||
            unfit="$unfit runc nvidia-container-runtime"
        for known in $unfit; do
            ! grep -qiE "^[[:space:]]*RunTime(Run|Create)[[:space:]]*=.*[/\" ]${known}[[:space:]]" "${conf%/*}/oci.conf" ||
                echo "crun $known"
        done
        ! grep -qiE "^[[:space:]]*RunTimeCreate[[:space:]]*=" "${conf%/*}/oci.conf" || echo "create"
    fi
    directory=$(mktemp -d "${TMPDIR:-/tmp}/pfcon.XXXXXX") && rmdir "$directory" || echo "temporary"
    echo "node $(uname -n)"
} >"$JOB/.found" && mv -f -- "$JOB/.found" "$JOB/found"
