# shellcheck shell=bash
# pfcon's image for the cluster that kubectl reaches, for make.sh and unmake.sh to source.
# Needs kube and CONTEXT of dev/cluster.sh, which calls this, and STATE_DIR of dev/service.sh.

BUILT_IMAGE=local/pfcon:1
BUILT_NOTE=$STATE_DIR/image.built # there when make.sh has built the image

# bring_image: set IMAGE to one that the cluster's nodes have or can fetch.
bring_image() {
    local tool
    IMAGE=${PFCON_IMAGE:-$BUILT_IMAGE}
    if [ -n "${PFCON_IMAGE:-}" ]; then
        echo "image: $IMAGE, as PFCON_IMAGE says; the nodes have it or fetch it"
        return 0
    fi
    tool=$(image_tool)
    if ! type -P "$tool" >/dev/null || ! type -P docker >/dev/null; then
        echo "There is no way from here to put an image on the nodes of context $CONTEXT: that takes docker, and kind," \
            "minikube or k3s with such a cluster. Build it (docker build -t REGISTRY/pfcon:1 .), push it to a registry" \
            "that the cluster reaches, and set PFCON_IMAGE to its name." >&2
        return 1
    fi
    echo "building $IMAGE with docker; its base and its packages come from their registries"
    docker build --quiet --tag "$IMAGE" . >/dev/null || return
    touch "$BUILT_NOTE"
    load_image "$tool"
}

# image_tool: print the program that puts an image on the cluster's nodes; nothing when there is none.
image_tool() {
    local nodes
    nodes=$(kube get nodes -o jsonpath='{range .items[*]}{.metadata.labels}{.status.nodeInfo}{end}')
    case $CONTEXT,$nodes in
        kind-*) echo kind ;;
        *minikube.k8s.io/name*) echo minikube ;;
        *+k3s*) echo k3s ;;
        docker-desktop,* | *'"containerRuntimeVersion":"docker:'*) echo docker ;; # the nodes' images are Docker's own
    esac
}

# load_image TOOL: put IMAGE on the nodes.
load_image() {
    case $1 in
        kind) kind load docker-image "$IMAGE" --name "${CONTEXT#kind-}" ;;
        minikube) minikube --profile "$CONTEXT" image load "$IMAGE" ;;
        k3s) docker save "$IMAGE" | k3s ctr images import - ;;
        docker) ;;
    esac
}

# remove_built_image: remove it from Docker, where make.sh has built it.
remove_built_image() {
    if [ -f "$BUILT_NOTE" ] && docker image rm "$BUILT_IMAGE" >/dev/null; then
        echo "removed image $BUILT_IMAGE from Docker"
    fi
}
