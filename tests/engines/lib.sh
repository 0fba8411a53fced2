# shellcheck shell=bash
# What the scripts of this directory share.

ENGINES_DIR=${PFCON_ENGINES_DIR:-/tmp/pfcon-engines}
REPOSITORY=$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd -P)
# shellcheck source=dev/ports.sh
. "$REPOSITORY/dev/ports.sh"
START_SECONDS=180 # a program that ends is told at once
STOP_SECONDS=30

# say TEXT: progress; stdout is for `eval`.
say() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
}

# die TEXT: end in failure.
die() {
    say "$*"
    exit 1
}

# api WORD...: call the Docker API.
api() {
    python3 "$REPOSITORY/dev/engine_api.py" "$@"
}

# export_line NAME VALUE: print a line for `eval`.
export_line() {
    printf 'export %s=%q\n' "$1" "$2"
}

# install_packages PACKAGE...: install packages of Debian or Ubuntu.
install_packages() {
    type -P apt-get >/dev/null || die "this script installs on Debian only; install here: $*"
    [ "$(id -u)" -eq 0 ] || die "installing needs root: $*"
    say "installing $*"
    if ! DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "$@" >&2; then
        die "apt-get failed; is the list of packages current (apt-get update)?"
    fi
}

# in_background NAME COMMAND...: start a program in a session of its own; its pid and log are in the engines' directory.
in_background() {
    local name=$1
    shift
    mkdir -p "$ENGINES_DIR"
    chmod 755 "$ENGINES_DIR" # PostgreSQL's user passes through
    setsid nohup "$@" >"$ENGINES_DIR/$name.log" 2>&1 </dev/null &
    printf '%s %s\n' "$!" "$(started "$!")" >"$ENGINES_DIR/$name.pid"
}

# started PID: print when the kernel started that process (proc_pid_stat(5), field 22); nothing when it ended.
started() {
    local stat fields
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 0
    read -r -a fields <<<"${stat##*) }" # from the third field on: the second, a name, may hold blanks
    [ "${fields[0]}" = Z ] || echo "${fields[19]}"
}

# our_pid NAME: print the pid of what in_background started; fails when it has ended.
our_pid() {
    local pid when
    read -r pid when 2>/dev/null <"$ENGINES_DIR/$1.pid" || return 1
    [ -n "$when" ] && [ "$(started "$pid")" = "$when" ] || return 1
    echo "$pid"
}

# await NAME COMMAND...: wait until the command succeeds; ends the script when the program NAME ends or takes too long.
await() {
    local name=$1 until=$((SECONDS + START_SECONDS))
    shift
    until "$@" >/dev/null 2>&1; do
        if ! our_pid "$name" >/dev/null || [ "$SECONDS" -ge "$until" ]; then
            tail -n 30 "$ENGINES_DIR/$name.log" >&2
            stop_ours "$name" TERM
            die "$name did not start"
        fi
        sleep 0.2
    done
}

# stop_ours NAME SIGNAL: end what in_background started; does nothing when it did not, or it has ended.
stop_ours() {
    local pid until=$((SECONDS + STOP_SECONDS))
    if pid=$(our_pid "$1"); then
        kill "-$2" "$pid" 2>/dev/null || true
        while our_pid "$1" >/dev/null; do
            if [ "$SECONDS" -ge "$until" ]; then
                say "$1 (pid $pid) does not end; killing it"
                kill -KILL "$pid" 2>/dev/null || true
            fi
            sleep 0.1
        done
        say "stopped $1 (pid $pid)"
    else
        say "nothing of ours to stop"
    fi
    rm -f "$ENGINES_DIR/$1.pid"
}

# python_version: print the X.Y of Debian's newest Python that is installed with all that a virtual environment needs;
# fails when there is none.
python_version() {
    local version
    version=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' 'python3.*-venv' 2>/dev/null |
        sed -n 's/^installed python\(3\.[0-9]*\)-venv$/\1/p' | sort -V | tail -n 1)
    [ -n "$version" ] && [ -x "/usr/bin/python$version" ] || return 1
    echo "$version"
}

# image_engines: set ENGINES to the URLs of all engines that hold images.
image_engines() {
    # shellcheck disable=SC2034 # it is for the scripts that source this
    ENGINES=(${PFCON_TEST_DOCKER:+"$PFCON_TEST_DOCKER"} ${PFCON_TEST_PODMAN:+"$PFCON_TEST_PODMAN"}
        ${PFCON_TEST_PODMAN_ROOTLESS:+"$PFCON_TEST_PODMAN_ROOTLESS"} ${PFCON_TEST_SWARM:+"$PFCON_TEST_SWARM"})
}

# dispatch SUBCOMMAND: call the script's function of that name.
dispatch() {
    case ${1:-} in
        install | start | stop) "$1" ;;
        *)
            echo "usage: ${0##*/} install|start|stop" >&2
            exit 2 ;;
    esac
}
