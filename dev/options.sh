# shellcheck shell=bash disable=SC2034 # the variables are for the scripts that source this
# The options that make.sh and unmake.sh share, for these two to source.

# What the options set; empty means that an option was not given.
ENGINE=""
STOREBASE_DIR=""
STORAGE=""
INNETWORK=false
PORT=5005
SAMPLE=yes

ENGINES="docker, podman, swarm, kubernetes, openshift, slurm, htcondor and process"

# refuse TEXT: end with exit status 2, which is the one for options that can't be served.
refuse() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# need_engine NAME: accept the engines that this script can start pfcon with.
need_engine() {
    case $1 in
        docker | podman | swarm | kubernetes | openshift | slurm | htcondor | process) ENGINE=$1 ;;
        cromwell)
            refuse "-O $1: this script starts pfcon with $ENGINES only; for $1 see docs/engines/$1.md" ;;
        *) refuse "-O $1: unknown; it accepts $ENGINES" ;;
    esac
}

# need_storage NAME: accept pfcon's storages.
need_storage() {
    case $1 in
        zipfile | filesystem | fslink | swift | s3) STORAGE=$1 ;;
        *) refuse "-F $1: unknown; it accepts zipfile, and with -N filesystem, fslink, swift and s3" ;;
    esac
}

# need_pair: choose a storage where none was given, as pfcon does; refuse one that does not go with -N, or without.
need_pair() {
    case $INNETWORK,$STORAGE in
        true,) STORAGE=swift ;;
        false,) STORAGE=zipfile ;;
        true,zipfile) refuse "-N: zipfile is no in-network storage; take -F filesystem, fslink, swift or s3" ;;
        false,zipfile | true,*) ;;
        *) refuse "-F $STORAGE: it is an in-network storage; add -N" ;;
    esac
}

# need_cluster_storage: refuse a storage that a cluster does not have by itself.
need_cluster_storage() {
    case $ENGINE,$STORAGE in
        kubernetes,swift | openshift,swift | kubernetes,s3 | openshift,s3)
            refuse "-O $ENGINE: no store for -F $STORAGE is started there; take -F fslink or filesystem, or use one of" \
                "your own as kubernetes/README.md tells" ;;
    esac
}

# need_port TEXT: accept a TCP port.
need_port() {
    if ! [[ $1 =~ ^[1-9][0-9]{0,4}$ ]] || [ "$1" -gt 65535 ]; then
        refuse "-p $1: it accepts a port from 1 to 65535"
    fi
    PORT=$1
}

# need_storebase DIR: make it absolute, as the caller's working directory has it; it need not exist.
need_storebase() {
    [ -n "$1" ] || refuse "-S: it needs a directory"
    STOREBASE_DIR=$(absolute "$1")
}

# absolute PATH: print it absolute, without links, as far as it exists. There is no realpath(1) on every system.
absolute() {
    local rest=$1/ part path="" there
    [[ $1 == /* ]] || rest=$PWD/$rest
    while [ -n "$rest" ]; do
        part=${rest%%/*}
        rest=${rest#*/}
        case $part in
            "" | .) ;;
            ..) path=${path%/*} ;;
            *)
                path=$path/$part
                there=$(cd -P -- "$path" 2>/dev/null && pwd -P) && path=${there%/} ;;
        esac
    done
    printf '%s\n' "${path:-/}"
}

# need_linux: refuse what starts pfcon on this machine when that is no Linux.
need_linux() {
    local system
    system=$(uname -s)
    if [ "$system" != Linux ] && [[ $ENGINE != kubernetes && $ENGINE != openshift ]]; then
        refuse "pfcon itself needs Linux: on $system, take -O kubernetes (the Kubernetes of Docker Desktop, kind or" \
            "minikube), or run this in a virtual machine with Linux"
    fi
}

# need_mountable DIR: refuse a storeBase that engines can't mount parts of, or that a line of text can't hold.
need_mountable() {
    [[ $1 != *[:,]* && $1 != *$'\n'* ]] || refuse "storeBase $1: its path can't have ':', ',' or a line's end in it"
}

# parse_options ARGUMENT...: set the variables above; calls the script's own usage for -h and --help.
parse_options() {
    local option
    for option; do
        [ "$option" != --help ] || { usage; exit 0; }
    done
    while getopts ":hO:S:F:p:NUis" option; do
        case $option in
            h) usage; exit 0 ;;
            O) need_engine "$OPTARG" ;;
            S) need_storebase "$OPTARG" ;;
            F) need_storage "$OPTARG" ;;
            p) need_port "$OPTARG" ;;
            N) INNETWORK=true ;;
            U) SAMPLE=no ;;
            i | s) ;; # there is no terminal to attach and nothing to pull
            :) refuse "-$OPTARG needs a value; -h lists the options" ;;
            *) refuse "unknown option -$OPTARG; -h lists the options" ;;
        esac
    done
    shift $((OPTIND - 1))
    [ $# -eq 0 ] || refuse "unexpected '$1'; -h lists the options"
    need_pair
    need_cluster_storage
}
