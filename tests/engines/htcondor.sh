#!/usr/bin/env bash
# A personal pool of HTCondor on this one machine, without systemd. README.md tells how to use it. Debian 12 has no
# HTCondor: GENERATION=today starts that of a newer one. root may not submit jobs: the pool, its jobs and its commands
# run in a user namespace in which root's files belong to www-data.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

PACKAGES=(condor crun charliecloud-runtime umoci skopeo procps)
PROGRAMS=(condor_master condor_submit condor_q crun ch-run umoci skopeo pgrep)
HOME_DIR=$ENGINES_DIR/htcondor
CONF=$HOME_DIR/condor_config
ENTER=$HOME_DIR/enter
OWNER=www-data # a user of every Debian; HTCondor lets neither root nor condor submit
PATH=$PATH:/usr/sbin
if [ "$GENERATION" = today ]; then
    PACKAGES+=(apptainer)
    PROGRAMS+=(apptainer)
fi

# missing: print the programs that are not installed.
missing() {
    local program
    for program in "${PROGRAMS[@]}"; do
        type -P "$program" >/dev/null || echo "$program"
    done
}

install() {
    if [ -z "$(missing)" ]; then
        say "HTCondor and the launchers are there"
    else
        install_packages "${PACKAGES[@]}"
    fi
}

# start_master: run the pool's first daemon, which starts the others. crun refuses cgroups v1 whose companion v2 owns a
# controller: jobs don't see that one.
start_master() {
    # shellcheck disable=SC2016 # the inner shell expands it
    in_background condor_master unshare -m --propagation private sh -c '
        if grep -qs . /sys/fs/cgroup/unified/cgroup.controllers; then umount /sys/fs/cgroup/unified; fi
        cd /
        exec unshare --user --map-user="$0" --map-group="$1" env CONDOR_CONFIG="$2" condor_master -f
    ' "$(id -u "$OWNER")" "$(id -g "$OWNER")" "$CONF"
}

# write_entrance: write the script that runs a command where the pool is, as its user.
write_entrance() {
    cat >"$ENTER" <<END
#!/bin/sh
exec nsenter --target $(our_pid condor_master) --mount --user --preserve-credentials -- \
    env --chdir=/ PATH=/usr/sbin:/usr/bin:/sbin:/bin "\$@"
END
    chmod 755 "$ENTER"
}

# configure: write condor_config: all daemons behind one port of loopback, short intervals, more processors than there are.
configure() {
    local port
    hold_port python3 "$REPOSITORY/dev/probe.py"
    port=$HELD_PORT
    mkdir -p "$HOME_DIR"/{log,spool,execute,run,lock}
    cat >"$CONF" <<END
RELEASE_DIR = /usr
LOCAL_DIR = $HOME_DIR
LOG = $HOME_DIR/log
SPOOL = $HOME_DIR/spool
EXECUTE = $HOME_DIR/execute
RUN = $HOME_DIR/run
LOCK = $HOME_DIR/lock
LIBEXEC = /usr/libexec/condor
SBIN = /usr/sbin
BIN = /usr/bin
LIB = /usr/lib/condor
CONDOR_HOST = 127.0.0.1
NETWORK_INTERFACE = 127.0.0.1
BIND_ALL_INTERFACES = False
COLLECTOR_PORT = $port
SHARED_PORT_PORT = $port
use ROLE: CentralManager
use ROLE: Submit
use ROLE: Execute
use SECURITY: HOST_BASED
ALLOW_READ = *
ALLOW_WRITE = *
ALLOW_DAEMON = *
ALLOW_NEGOTIATOR = *
ALLOW_ADMINISTRATOR = *
SEC_DEFAULT_AUTHENTICATION_METHODS = FS, CLAIMTOBE
DEFAULT_DOMAIN_NAME = pfcon.invalid
UID_DOMAIN = pfcon.invalid
FILESYSTEM_DOMAIN = pfcon.invalid
TRUST_UID_DOMAIN = True
NUM_CPUS = 8
MEMORY = 4096
use FEATURE: PartitionableSlot
NEGOTIATOR_INTERVAL = 1
NEGOTIATOR_MIN_INTERVAL = 1
NEGOTIATOR_CYCLE_DELAY = 1
SCHEDD_INTERVAL = 1
SCHEDD_MIN_INTERVAL = 1
UPDATE_INTERVAL = 5
PERIODIC_EXPR_INTERVAL = 2
STARTER_INITIAL_UPDATE_INTERVAL = 1
STARTER_UPDATE_INTERVAL = 2
LICENCE_LIMIT = 2
MAIL = /bin/true
END
}

# condor COMMAND...: run one of HTCondor's programs as the pool's user.
condor() {
    "$ENTER" env CONDOR_CONFIG="$CONF" "$@"
}

# ready: whether the pool has a machine, and a schedd that answers.
ready() {
    condor condor_status -af Name | grep -q . && condor condor_q
}

start() {
    [ "$(id -u)" -eq 0 ] || die "the pool's namespaces are root's: it has to be started by root"
    [ -z "$(missing)" ] || die "missing: $(missing | tr '\n' ' '); \`${0##*/} install\` installs it"
    mkdir -p "$HOME_DIR"
    chmod 755 "$ENGINES_DIR" "$HOME_DIR"
    [ -f "$CONF" ] || configure
    our_pid condor_master >/dev/null || start_master
    write_entrance
    await condor_master ready
    say "started $(condor condor_version | head -n 1)"
    export_line PFCON_TEST_HTCONDOR "$CONF"
    export_line PFCON_TEST_HTCONDOR_PREFIX "$ENTER"
    if [ -z "${PFCON_TEST_SLURM_IMAGES:-}" ]; then
        mkdir -p "$HOME_DIR/images"
        export_line PFCON_TEST_SLURM_IMAGES "$HOME_DIR/images"
    fi
}

# below PID: print the ids of all processes that a process has started, and those have.
below() {
    local child
    for child in $(pgrep -P "$1"); do
        echo "$child $(started "$child")"
        below "$child"
    done
}

# stop: end the daemons fast, and the jobs with them; one that does not end, for it was stopped, is killed.
stop() {
    local pid when all=''
    if pid=$(our_pid condor_master); then
        all=$(below "$pid")
    fi
    stop_ours condor_master QUIT
    while read -r pid when; do
        [ -z "$when" ] || [ "$(started "$pid")" != "$when" ] || kill -KILL "$pid"
    done <<<"$all"
    rm -rf -- "$HOME_DIR"
}

dispatch "$@"
