#!/usr/bin/env bash
# A personal pool of HTCondor on this one machine, without systemd. README.md tells how to use it.
# PFCON_TREE: the directory of another Debian system that has HTCondor, crun and charliecloud; without it, this one's are
# used. root may not submit jobs: the pool, its jobs and its commands run in a user namespace in which root's files belong
# to www-data.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

PACKAGES=(condor crun charliecloud-runtime umoci skopeo)
PROGRAMS=(condor_master condor_submit condor_q crun ch-run umoci skopeo unshare)
HOME_DIR=$ENGINES_DIR/htcondor
CONF=$HOME_DIR/condor_config
ENTER=$HOME_DIR/enter
OWNER=www-data # a user of every Debian; HTCondor lets neither root nor condor submit
TREE=${PFCON_TREE:-}

# in_tree COMMAND...: run a command where HTCondor is installed.
in_tree() {
    [ -x "$ENTER.root" ] || write_entrances
    "$ENTER.root" "$@"
}

# write_entrances: write the scripts that run a command in the tree, as root (enter.root) and as the pool's user (enter).
# The tree is entered by pivot_root: in a chroot, the kernel refuses user namespaces. crun refuses cgroups v1 whose
# companion v2 owns a controller: jobs don't see that one.
write_entrances() {
    mkdir -p "$HOME_DIR"
    chmod 755 "$ENGINES_DIR" "$HOME_DIR"
    cat >"$ENTER.root" <<END
#!/bin/sh
PFCON_TREE='$TREE' exec unshare -m --propagation private sh -c '
    set -e
    if [ -n "\$PFCON_TREE" ]; then
        mount --bind "\$PFCON_TREE" "\$PFCON_TREE"
        cd "\$PFCON_TREE"
        mount -t proc proc proc
        mount --rbind /sys sys
        mount --rbind /dev dev
        mount --bind /tmp tmp
        mount -t tmpfs run run -o mode=755
        mkdir -p oldroot
        pivot_root . oldroot
        umount -l /oldroot
    fi
    if grep -qs . /sys/fs/cgroup/unified/cgroup.controllers; then umount /sys/fs/cgroup/unified; fi
    cd /
    PATH=/usr/sbin:/usr/bin:/sbin:/bin exec "\$@"
' sh "\$@"
END
    cat >"$ENTER" <<END
#!/bin/sh
# shellcheck disable=SC2016
exec '$ENTER.root' sh -c '
    user=\$(id -u $OWNER) group=\$(id -g $OWNER)
    exec unshare --user --map-user="\$user" --map-group="\$group" "\$@"
' sh "\$@"
END
    chmod 755 "$ENTER" "$ENTER.root"
}

# missing: print the programs that are not installed.
missing() {
    local program
    for program in "${PROGRAMS[@]}"; do
        # shellcheck disable=SC2016 # the inner shell expands it
        in_tree sh -c 'command -v "$0"' "$program" >/dev/null || echo "$program"
    done
}

install() {
    if [ -z "$(missing)" ]; then
        say "HTCondor and the launchers are there"
    else
        [ -z "$TREE" ] || die "$TREE lacks: $(missing | tr '\n' ' ')"
        install_packages "${PACKAGES[@]}"
    fi
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
SHADOW_QUEUE_UPDATE_INTERVAL = 5
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
    write_entrances
    [ -z "$(missing)" ] || die "missing: $(missing | tr '\n' ' '); \`${0##*/} install\` installs it"
    [ -f "$CONF" ] || configure
    if ! our_pid condor_master >/dev/null; then
        in_background condor_master "$ENTER" env CONDOR_CONFIG="$CONF" condor_master -f
    fi
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
