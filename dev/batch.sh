# shellcheck shell=bash
# Slurm or HTCondor as the engine that runs the jobs, for make.sh and unmake.sh to source.
# Needs PYTHON_PATH, dev/options.sh and dev/service.sh; the current directory is the repository.

SAMPLE_IMAGE=local/pfcon-sample/1 # below the directory of images: a name's path, as pfcon has it

# describe_batch: set what differs between the two. BATCH_OWN: the beginning of pfcon's variables. BATCH_NOTED: those
# that unmake.sh needs; the last one is the directory of images. BATCH_LIST: the command that lists jobs.
describe_batch() {
    case $ENGINE in
        slurm)
            BATCH_TITLE=Slurm BATCH_OWN=SLURM_ BATCH_LIST="squeue --me"
            BATCH_NOTED=(SLURM_CONF SLURM_PREFIX SLURM_IMAGES)
            BATCH_ADVICE="Start its daemons (slurmctld, slurmd and, where it authenticates, munged), set SLURM_CONF or"
            BATCH_ADVICE+=" SLURM_PREFIX to reach one" ;;
        htcondor)
            BATCH_TITLE=HTCondor BATCH_OWN=HTCONDOR_ BATCH_LIST=condor_q
            BATCH_NOTED=(CONDOR_CONFIG HTCONDOR_PREFIX HTCONDOR_POOL HTCONDOR_SCHEDD HTCONDOR_IMAGES)
            BATCH_ADVICE="Start its daemons (condor_master), set CONDOR_CONFIG, HTCONDOR_POOL, HTCONDOR_SCHEDD or"
            BATCH_ADVICE+=" HTCONDOR_PREFIX to reach one" ;;
    esac
    BATCH_IMAGES=${BATCH_OWN}IMAGES
}

# need_batch_paths: refuse a storeBase that enroot would take for several: its mounts are lines as of fstab(5).
need_batch_paths() {
    local launcher=${BATCH_OWN}LAUNCHER
    if [ "${!launcher:-}" = enroot ] && [[ $STOREBASE_DIR == *[[:space:]]* ]]; then
        refuse "storeBase $STOREBASE_DIR: $launcher=enroot takes no path with blanks; choose another with -S, or" \
            "another launcher (crun)"
    fi
}

# need_submitter: refuse root, from whom HTCondor takes no jobs.
need_submitter() {
    if [ "$ENGINE" = htcondor ] && [ "$(id -u)" -eq 0 ] && [ -z "${HTCONDOR_PREFIX:-}" ]; then
        refuse "-O htcondor: HTCondor takes no jobs from root; run this as another user, or set HTCONDOR_PREFIX to run" \
            "its commands as one"
    fi
}

# find_batch: export what pfcon needs besides the user's own variables; set ENGINE_SAYS and ENGINE_URL; fails when no
# batch system answers, and says why.
find_batch() {
    describe_batch
    need_batch_paths
    need_submitter
    if ! ENGINE_SAYS=$("$PYTHON_PATH" dev/batch_jobs.py "$ENGINE" probe 2>&1); then
        printf 'No %s answers:\n  %s\n' "$BATCH_TITLE" "$ENGINE_SAYS" >&2
        echo "$BATCH_ADVICE, or take -O docker, podman or process." >&2
        return 1
    fi
    # Images are used in place: they have to be where the nodes see them, which storeBase is.
    export "$BATCH_IMAGES=${!BATCH_IMAGES:-$STOREBASE_DIR/.pfcon-images}" TIMELIMIT_MINUTES=${TIMELIMIT_MINUTES:-60}
    ENGINE_URL=$(batch_variables)
    echo "engine: $ENGINE, as -O says: $ENGINE_SAYS; $ENGINE_URL"
}

# batch_variables: print what pfcon is told of the batch system, in one line.
batch_variables() {
    local name words=() quote="'"
    for name in $(compgen -e "$BATCH_OWN") TIMELIMIT_MINUTES; do
        words+=("$name='${!name//$quote/$quote\\$quote$quote}'")
    done
    echo "${words[*]}"
}

# batch_notes: print what unmake.sh has to know.
batch_notes() {
    local name
    for name in "${BATCH_NOTED[@]}"; do
        printf '%s=%s\n' "$name" "${!name:-}"
    done
}

# recall_batch: export what make.sh has noted; without a note, the user's own variables hold.
recall_batch() {
    local name value
    describe_batch
    if [ "$(state_get engine)" = "$ENGINE" ]; then
        for name in "${BATCH_NOTED[@]}"; do
            value=$(state_get "$name")
            unset "$name" # Slurm takes an empty SLURM_CONF for a file's name
            [ -z "$value" ] || export "$name=$value"
        done
    fi
    [ -n "${!BATCH_IMAGES:-}" ] || export "$BATCH_IMAGES=$STOREBASE_DIR/.pfcon-images"
}

# clean_batch: end this storeBase's jobs, and remove the sample job's image.
clean_batch() {
    local name images
    recall_batch
    images=${!BATCH_IMAGES}
    if [ -z "$PYTHON_PATH" ]; then
        echo "without Python 3.11 jobs can't be ended; \`$BATCH_LIST\` lists what may be left" >&2
    else
        while IFS= read -r name; do
            echo "removed job $name"
        done < <("$PYTHON_PATH" dev/batch_jobs.py "$ENGINE" remove "$STOREBASE_DIR" ||
            echo "jobs may be left in $BATCH_TITLE: \`$BATCH_LIST\` lists them" >&2)
    fi
    if [ -d "$images/$SAMPLE_IMAGE" ]; then
        rm -rf -- "${images:?}/$SAMPLE_IMAGE"
        (cd -- "$images" && rmdir -p -- "${SAMPLE_IMAGE%/*}" 2>/dev/null) || true
        [ "$images" != "$STOREBASE_DIR/.pfcon-images" ] || rmdir -- "$images" 2>/dev/null || true
        echo "removed image local/pfcon-sample:1"
    fi
}
