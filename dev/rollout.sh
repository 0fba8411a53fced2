# shellcheck shell=bash
# Waits for pfcon's pods on a cluster and says what keeps them, for make.sh to source.
# Needs kube and NAMESPACE of dev/cluster.sh, which calls this, and PYTHON_PATH.

ROLLOUT_SECONDS=300
LOOK_SECONDS=2 # between two looks at the pods
SERVICE_PODS=app.kubernetes.io/component=service

# wait_rollout: wait until pfcon is ready on the cluster. What keeps a pod is told once; fails, with the pod's log, as
# soon as it can't become ready by itself.
wait_rollout() {
    local pid told="" found status=0
    # Not by kube, so that the process is kubectl's own and can be ended.
    kubectl --context="$CONTEXT" -n "$NAMESPACE" rollout status deployment/pfcon --timeout="${ROLLOUT_SECONDS}s" &
    pid=$!
    while [ "$status" -eq 0 ] && kill -0 "$pid" 2>/dev/null; do
        sleep "$LOOK_SECONDS"
        found=$({ kube -n "$NAMESPACE" get pods -l "$SERVICE_PODS" -o json 2>/dev/null || true; } |
            "$PYTHON_PATH" dev/pods.py) || status=$?
        if [ -n "$found" ] && [ "$found" != "$told" ] && kill -0 "$pid" 2>/dev/null; then
            echo "pod $found" >&2
            told=$found
        fi
    done
    if [ "$status" -eq 0 ]; then
        wait "$pid" || tell_pods
        return
    fi
    kill "$pid" 2>/dev/null || true
    if wait "$pid" 2>/dev/null; then # it has become ready while its pods were looked at
        return 0
    fi
    [ "$status" -ne 4 ] || show_log "${found%%: *}"
    echo "pfcon can't become ready on the cluster. Mend that, and run make.sh again; ./unmake.sh removes what is there." >&2
    return 1
}

# show_log POD: print the end of the log of a pod that crashes: of its last run that has ended.
show_log() {
    local log
    echo "the end of its log:" >&2
    log=$(kube -n "$NAMESPACE" logs "$1" --previous --tail=30 2>/dev/null) ||
        log=$(kube -n "$NAMESPACE" logs "$1" --tail=30 2>&1) || true
    printf '%s\n' "$log" | sed 's/^/  | /' >&2
}

# tell_pods: say what the cluster knows of pods that are not ready in time; fails.
tell_pods() {
    echo "pfcon is not ready; what the cluster says of it:" >&2
    kube -n "$NAMESPACE" describe pods -l "$SERVICE_PODS" | sed -n '/^Events:/,$p' >&2
    kube -n "$NAMESPACE" logs deployment/pfcon --tail=30 >&2
    return 1
}
