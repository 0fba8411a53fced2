# shellcheck shell=bash disable=SC2034 # the variables are for the scripts that source this
# The options that make.sh and unmake.sh share, for these two to source.

# What the options set; empty means that an option was not given.
ENGINE=""
STOREBASE_DIR=""
STORAGE=zipfile
INNETWORK=false
PORT=5005
SAMPLE=yes

# refuse TEXT: end with exit status 2, which is the one for options that can't be served.
refuse() {
    echo "${0##*/}: $*" >&2
    exit 2
}

# need_engine NAME: accept the engines that this version has.
need_engine() {
    case $1 in
        docker | podman | process) ENGINE=$1 ;;
        swarm | kubernetes | openshift | slurm | cromwell)
            refuse "-O $1: this version has no such engine yet; it has docker, podman and process" ;;
        *) refuse "-O $1: unknown; it accepts docker, podman and process" ;;
    esac
}

# need_storage NAME: accept the storages that this version has.
need_storage() {
    case $1 in
        zipfile | filesystem | fslink) STORAGE=$1 ;;
        swift | s3)
            refuse "-F $1: this version has no such storage yet, it comes later; it has zipfile, filesystem and fslink" ;;
        *) refuse "-F $1: unknown; it accepts zipfile, filesystem and fslink" ;;
    esac
}

# need_pair: refuse a storage that does not go with -N.
need_pair() {
    case $INNETWORK,$STORAGE in
        true,zipfile)
            refuse "-N: in-network storage is -F filesystem or -F fslink; swift and s3 come later" ;;
        false,filesystem | false,fslink)
            refuse "-F $STORAGE: it is an in-network storage; add -N" ;;
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
    STOREBASE_DIR=$(realpath -m -- "$1")
}

# need_mountable DIR: refuse a storeBase that engines can't mount parts of, or that a line of text can't hold.
need_mountable() {
    [[ $1 != *[:,]* && $1 != *$'\n'* ]] || refuse "storeBase $1: its path can't have ':', ',' or a line's end in it"
}

# parse_options ARGUMENT...: set the variables above; calls the script's own usage for -h.
parse_options() {
    local option
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
}
