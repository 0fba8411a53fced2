# shellcheck shell=bash disable=SC2034 # some variables are for the scripts that source this
# The Swift, which speaks S3 too, that make.sh starts for -F swift and -F s3; for make.sh and unmake.sh to source.
# The current directory is the repository. Needs dev/ports.sh, dev/processes.sh, dev/venv.sh, and STATE_DIR of dev/service.sh.

STORE_LOCK=swift # requirements/swift.lock
STORE_VENV=.venv-swift
STORE_STATE=$STATE_DIR/swift.state
STORE_LOG=$STATE_DIR/swift.log
STORE_SECONDS=180 # a start takes that long at most
STORE_URL="" # where the store answers, once it does
STORE_ENV=() # the settings of pfcon, and of sample/run_job.py, for it

# set_store_env: set STORE_ENV. The user and the key are those of dev/swift_server.py.
set_store_env() {
    if [ "$STORAGE" = swift ]; then
        STORE_ENV=(SWIFT_AUTH_URL="$STORE_URL/auth/v1.0" SWIFT_USERNAME=chris:chris1234 SWIFT_KEY=testing
            SWIFT_CONTAINER_NAME=users)
    else
        STORE_ENV=(S3_ENDPOINT_URL="$STORE_URL" S3_ACCESS_KEY=chris:chris1234 S3_SECRET_KEY=testing
            S3_REGION_NAME=us-east-1 S3_BUCKET_NAME=users)
    fi
}

# start_store: have the store running; a second time it is the same one.
start_store() {
    ensure_tool "$STORE_VENV" "$STORE_LOCK" || return 1
    noted_pid "$STORE_STATE" >/dev/null || start_swift || return 1
    STORE_URL=$(noted_store_url)
    set_store_env
    echo "Swift, which speaks S3 too, answers at $STORE_URL (pid $(noted_pid "$STORE_STATE"))"
}

# noted_store_url: print where the store answers, or will.
noted_store_url() {
    echo "http://127.0.0.1:$(note_get "$STORE_STATE" port)"
}

# start_swift: start it, detached, and wait until it answers.
start_swift() {
    local pid port
    mkdir -p "$STATE_DIR/swift"
    if ! .venv/bin/python dev/probe.py attributes "$STATE_DIR/swift"; then
        echo "Swift needs extended attributes of files, which $PWD/$STATE_DIR/swift does not have." \
            "Clone pfcon to a disk with ext4, xfs or btrfs." >&2
        return 1
    fi
    port=$(note_get "$STORE_STATE" port) # a running pfcon knows it there
    if [ -z "$port" ] || ! hold_port .venv/bin/python dev/probe.py "$port"; then
        hold_port .venv/bin/python dev/probe.py
    fi
    port=$HELD_PORT
    detached "$STORE_VENV/bin/python" dev/swift_server.py "$STATE_DIR/swift" --port "$port" \
        >"$STORE_LOG" 2>&1 </dev/null &
    pid=$!
    note_process "$STORE_STATE" "$pid" "port=$port"
    if ! wait_until "$pid" "$STORE_SECONDS" Swift .venv/bin/python dev/probe.py answers "$(noted_store_url)/healthcheck"; then
        echo "the end of its log, $PWD/$STORE_LOG:" >&2
        tail -n 30 "$STORE_LOG" >&2
        end_process_group "$pid"
        rm -f "$STORE_STATE"
        return 1
    fi
}

# stop_store: end the store that make.sh started; succeeds when there is none.
stop_store() {
    end_noted "$STORE_STATE" 10 Swift
}
