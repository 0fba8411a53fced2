# shellcheck shell=bash
# pfcon on the cluster that kubectl reaches, for make.sh and unmake.sh to source.
# The current directory is the repository. Needs dev/options.sh, dev/processes.sh, dev/service.sh, dev/image.sh and dev/rollout.sh.

NAMESPACE=pfcon-dev
CLUSTER_STATE=$STATE_DIR/cluster.state
FORWARD_STATE=$STATE_DIR/forward.state
FORWARD_LOG=$STATE_DIR/forward.log
SITE=$STATE_DIR/kubernetes
ANSWER_SECONDS=60
FORWARD_SECONDS=180
OWNER_LABEL=chrisproject.org/make # on all that make.sh makes; its value names this clone
CONTEXT="" # of kubectl's configuration

# kube WORD...: kubectl at the cluster that was found.
kube() {
    kubectl --context="$CONTEXT" "$@"
}

# owner: print the value of the label.
owner() {
    printf '%s' "$PWD" | cksum | cut -d ' ' -f 1
}

# answers: whether the cluster does; CLUSTER_SAYS is then its version, or else why it does not.
answers() {
    CLUSTER_SAYS=$(kube version --request-timeout="${ANSWER_SECONDS}s" 2>&1) || return 1
    CLUSTER_SAYS=$(sed -n 's/^Server Version: //p' <<<"$CLUSTER_SAYS")
}

# find_cluster: set CONTEXT to kubectl's present one, and say which it is; fails, with what to do, when none answers.
find_cluster() {
    if ! type -P kubectl >/dev/null; then
        echo "There is no kubectl: install it (https://kubernetes.io/docs/tasks/tools), or take another -O." >&2
        return 1
    elif ! kubectl version --client 2>/dev/null | grep -Eq '^Kustomize Version: v([5-9]|[1-9][0-9])'; then
        echo "$(type -P kubectl) is too old: it has to be 1.27 or newer, with kustomize 5." >&2
        return 1
    elif ! CONTEXT=$(kubectl config current-context 2>/dev/null); then
        echo "kubectl knows no cluster: choose one (kubectl config use-context NAME), set KUBECONFIG, or start one:" \
            "kind create cluster, minikube start" >&2
        return 1
    elif ! answers; then
        printf 'The cluster of context %s does not answer:\n%s\n' "$CONTEXT" "$CLUSTER_SAYS" >&2
        echo "Start it, or choose another: kubectl config use-context NAME." >&2
        return 1
    fi
    echo "cluster: $CLUSTER_SAYS at context $CONTEXT, where kubectl is at present; namespace $NAMESPACE"
}

# need_own_namespace: end the script when the namespace is another's.
need_own_namespace() {
    local found
    found=$(kube get namespace "$NAMESPACE" --ignore-not-found -o name) || return
    if [ -n "$found" ] && ! owns_namespace; then
        echo "Context $CONTEXT has a namespace $NAMESPACE that this clone's make.sh did not make; nothing is done there." >&2
        return 1
    fi
}

# owns_namespace: whether the namespace is there and make.sh of this clone made it.
owns_namespace() {
    local label=${OWNER_LABEL//./\\.}
    [ "$(kube get namespace "$NAMESPACE" --ignore-not-found -o jsonpath="{.metadata.labels['$label']}")" = "$(owner)" ]
}

# need_volume: end the script when the cluster can't give storeBase in the way that the options ask for.
need_volume() {
    if [ -z "$STOREBASE_DIR" ]; then
        kube get storageclass -o jsonpath='{.items[*].metadata.annotations}' |
            grep -q 'is-default-class":"true"' || {
            echo "The cluster has no default storage class. Give it one, or name a directory of its one node with -S." >&2
            return 1
        }
    elif [ "$(kube get nodes -o name | wc -l)" -ne 1 ]; then
        echo "-S names a directory of the cluster's one node, but it has several; without -S, its default storage" \
            "class gives the volume." >&2
        return 1
    fi
}

# quoted TEXT: print it as a YAML string.
quoted() {
    local text=${1//\\/\\\\}
    printf '"%s"' "${text//\"/\\\"}"
}

# components: print those that the options ask for.
components() {
    [ "$STORAGE" = zipfile ] || echo "$STORAGE"
    [ -z "$STOREBASE_DIR" ] || echo host-path
    [ "$ENGINE" != openshift ] || echo openshift
}

# site: print an overlay of this machine's own, in $SITE.
site() {
    local name
    cat <<END
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
namespace: $NAMESPACE
labels:
  - pairs: {$OWNER_LABEL: "$(owner)"}
resources:
  - namespace.yaml
  - ../../kubernetes/overlays/development
components:
END
    while read -r name; do
        echo "  - ../../kubernetes/components/$name"
    done < <(components)
    cat <<END
patches:
  - patch: |
      apiVersion: apps/v1
      kind: Deployment
      metadata:
        name: pfcon
      spec:
        template:
          spec:
            containers:
              - name: pfcon
                image: $(quoted "$IMAGE")
                env:
                  - name: PFCON_OP_IMAGE
                    value: $(quoted "$IMAGE")
END
    [ -z "$STOREBASE_DIR" ] || cat <<END
  - target: {kind: PersistentVolume}
    options: {allowNameChange: true}
    patch: |
      - {op: replace, path: /metadata/name, value: $NAMESPACE-storebase}
      - {op: replace, path: /spec/hostPath/path, value: $(quoted "$STOREBASE_DIR")}
  - target: {kind: PersistentVolumeClaim}
    patch: |
      - {op: replace, path: /spec/volumeName, value: $NAMESPACE-storebase}
END
}

# apply: have the service on the cluster, and wait until it is ready.
apply() {
    mkdir -p "$SITE"
    site >"$SITE/kustomization.yaml"
    printf 'apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n' "$NAMESPACE" >"$SITE/namespace.yaml"
    kube apply -k "$SITE" || return
    wait_rollout
}

# forward: have the port of this machine's loopback that leads to the service, until unmake.sh.
forward() {
    local pid
    if noted_pid "$FORWARD_STATE" >/dev/null; then
        "$PYTHON_PATH" dev/probe.py health "$(service_url)" && return
        end_noted "$FORWARD_STATE" "$STOP_SECONDS" "kubectl port-forward"
    fi
    detached kubectl --context="$CONTEXT" -n "$NAMESPACE" port-forward --address=127.0.0.1 service/pfcon \
        "$PORT:5005" >"$FORWARD_LOG" 2>&1 </dev/null &
    pid=$!
    note_process "$FORWARD_STATE" "$pid"
    if ! wait_until "$pid" "$FORWARD_SECONDS" "kubectl port-forward" \
        "$PYTHON_PATH" dev/probe.py health "$(service_url)"; then
        cat "$FORWARD_LOG" >&2
        end_process_group "$pid"
        return 1
    fi
    echo "pfcon answers at $(service_url) (kubectl port-forward, pid $pid)"
}

# run_cluster_sample: run the sample job; from here with zips, and beside the users' files, in the service's pod, else.
run_cluster_sample() {
    local words=(--user "$USER_NAME" --password "$PASSWORD" --image "$IMAGE" --engine "$ENGINE" --storage "$STORAGE")
    local inner unpack='import sys, tarfile; tarfile.open(fileobj=sys.stdin.buffer, mode="r|").extractall("/tmp")'
    if [ "$STORAGE" = zipfile ]; then
        "$PYTHON_PATH" sample/run_job.py --url "$(service_url)" "${words[@]}"
        return
    fi
    inner=$(kube -n "$NAMESPACE" get deployment pfcon -o jsonpath='{..containers[0].ports[0].containerPort}')
    COPYFILE_DISABLE=1 tar -cf - sample | kube -n "$NAMESPACE" exec -i deployment/pfcon -- python -W ignore -c "$unpack" || return
    kube -n "$NAMESPACE" exec deployment/pfcon -- python /tmp/sample/run_job.py "${words[@]}" \
        --url "http://127.0.0.1:$inner/api/v1/" --storebase /var/local/storeBase
}

# need_same_site: end the script when what runs on a cluster is another than the options ask for.
need_same_site() {
    local asked was
    asked="-O $ENGINE -F $STORAGE -p $PORT${STOREBASE_DIR:+ -S $STOREBASE_DIR} at context $CONTEXT"
    was=$(note_get "$CLUSTER_STATE" options)
    if [ -n "$was" ] && [ "$was" != "$asked" ]; then
        printf 'pfcon runs on a cluster already, with other options:\n  running: %s\n  asked:   %s\n' "$was" "$asked" >&2
        echo "./unmake.sh ends it." >&2
        return 1
    fi
    mkdir -p "$STATE_DIR"
    printf '%s\n' "context=$CONTEXT" "options=$asked" >"$CLUSTER_STATE"
}

# make_on_cluster: everything that make.sh does with -O kubernetes.
make_on_cluster() {
    local status=0
    step "choosing"
    find_cluster
    need_own_namespace
    need_volume
    need_same_site
    noted_pid "$FORWARD_STATE" >/dev/null || need_free_port
    step "image"
    bring_image
    step "applying kubernetes/overlays/development with: $(components | paste -sd ' ' -)"
    apply
    step "the way to pfcon"
    forward
    if [ "$SAMPLE" = yes ]; then
        step "sample job"
        run_cluster_sample || status=$?
    fi
    cat <<END

pfcon runs in namespace $NAMESPACE of context $CONTEXT; at $(service_url) here (user $USER_NAME, password $PASSWORD)
  look:      curl $(service_url)health/
  from pods: http://pfcon.$NAMESPACE:5005/api/v1/
  log:       kubectl --context=$CONTEXT -n $NAMESPACE logs deployment/pfcon
  end it:    ./unmake.sh
END
    return "$status"
}

# remove_from_cluster: remove what make.sh made on a cluster; succeeds when that was nothing.
remove_from_cluster() {
    local volumes
    [ -f "$CLUSTER_STATE" ] || return 0
    CONTEXT=$(note_get "$CLUSTER_STATE" context)
    end_noted "$FORWARD_STATE" "$STOP_SECONDS" "kubectl port-forward"
    if ! answers; then
        echo "context $CONTEXT does not answer; namespace $NAMESPACE may be left there:" \
            "kubectl --context=$CONTEXT delete namespace $NAMESPACE" >&2
    elif owns_namespace; then
        kube delete namespace "$NAMESPACE" --timeout="${ROLLOUT_SECONDS}s"
        volumes=$(kube get persistentvolume --selector="$OWNER_LABEL=$(owner)" -o name)
        # shellcheck disable=SC2086 # names have no blanks
        [ -z "$volumes" ] || kube delete $volumes --timeout="${ROLLOUT_SECONDS}s"
        echo "the directory of -S on the node, and what an image tool put there, stay"
    fi
    remove_built_image
}
