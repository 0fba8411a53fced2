# shellcheck shell=bash
# Slurm as the engine that runs the jobs, for make.sh and unmake.sh to source.
# Needs PYTHON_PATH, dev/options.sh and dev/service.sh; the current directory is the repository.

SAMPLE_IMAGE=local/pfcon-sample/1 # below SLURM_IMAGES: a name's path, as pfcon has it

# need_slurm_paths: refuse a storeBase that enroot would take for several: its mounts are lines as of fstab(5).
need_slurm_paths() {
    if [ "${SLURM_LAUNCHER:-}" = enroot ] && [[ $STOREBASE_DIR == *[[:space:]]* ]]; then
        refuse "storeBase $STOREBASE_DIR: SLURM_LAUNCHER=enroot takes no path with blanks; choose another with -S, or" \
            "another launcher (crun)"
    fi
}

# find_slurm: export what pfcon needs besides the user's SLURM_*; set ENGINE_SAYS and ENGINE_URL; fails when no Slurm
# answers, and says why.
find_slurm() {
    need_slurm_paths
    if ! ENGINE_SAYS=$("$PYTHON_PATH" dev/slurm_jobs.py probe 2>&1); then
        printf 'No Slurm answers:\n  %s\n' "$ENGINE_SAYS" >&2
        echo "Start its daemons (slurmctld, slurmd and, where it authenticates, munged), set SLURM_CONF or SLURM_PREFIX" \
            "to reach one, or take -O docker, podman or process." >&2
        return 1
    fi
    # Images are used in place: they have to be where the nodes see them, which storeBase is.
    export SLURM_IMAGES=${SLURM_IMAGES:-$STOREBASE_DIR/.pfcon-images} TIMELIMIT_MINUTES=${TIMELIMIT_MINUTES:-60}
    ENGINE_URL=$(slurm_variables)
    echo "engine: slurm, as -O says: $ENGINE_SAYS; $ENGINE_URL"
}

# slurm_variables: print what pfcon is told of Slurm, in one line.
slurm_variables() {
    local name words=() quote="'"
    for name in $(compgen -e SLURM_) TIMELIMIT_MINUTES; do
        words+=("$name='${!name//$quote/$quote\\$quote$quote}'")
    done
    echo "${words[*]}"
}

# slurm_notes: print what unmake.sh has to know.
slurm_notes() {
    printf '%s\n' "slurm_conf=${SLURM_CONF:-}" "slurm_prefix=${SLURM_PREFIX:-}" "slurm_images=$SLURM_IMAGES"
}

# recall_slurm: export what make.sh has noted; without a note, the user's own variables hold.
recall_slurm() {
    if [ "$(state_get engine)" = slurm ]; then
        SLURM_CONF=$(state_get slurm_conf) SLURM_PREFIX=$(state_get slurm_prefix) SLURM_IMAGES=$(state_get slurm_images)
    fi
    : "${SLURM_IMAGES:=$STOREBASE_DIR/.pfcon-images}"
    export SLURM_CONF SLURM_PREFIX
    [ -n "${SLURM_CONF:-}" ] || unset SLURM_CONF # Slurm takes an empty one for a file's name
}

# clean_slurm: end this storeBase's jobs, and remove the sample job's image.
clean_slurm() {
    local name
    recall_slurm
    if [ -z "$PYTHON_PATH" ]; then
        echo "without Python 3.11 jobs can't be ended; \`squeue --me\` lists what may be left" >&2
    else
        while IFS= read -r name; do
            echo "removed job $name"
        done < <("$PYTHON_PATH" dev/slurm_jobs.py remove "$STOREBASE_DIR" ||
            echo "jobs may be left in Slurm: \`squeue --me\` lists them" >&2)
    fi
    if [ -d "$SLURM_IMAGES/$SAMPLE_IMAGE" ]; then
        rm -rf -- "${SLURM_IMAGES:?}/$SAMPLE_IMAGE"
        (cd -- "$SLURM_IMAGES" && rmdir -p -- "${SAMPLE_IMAGE%/*}" 2>/dev/null) || true
        [ "$SLURM_IMAGES" != "$STOREBASE_DIR/.pfcon-images" ] || rmdir -- "$SLURM_IMAGES" 2>/dev/null || true
        echo "removed image local/pfcon-sample:1"
    fi
}
