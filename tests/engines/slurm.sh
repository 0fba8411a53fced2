#!/usr/bin/env bash
# Three clusters of Slurm, each of this one machine, from Debian's packages and without systemd. README.md tells how to
# use them. `plain` follows jobs' processes and polls their memory; `cgroup`, where the kernel lets it, uses cgroups v1.
# `accounted` is plain, with a database of accounting (slurm_accounting.sh).
# munge(7) comes with a key and a socket of its own. PFCON_SLURM_CLUSTERS: which of them, separated by blanks.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"
# shellcheck source=tests/engines/generation.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/generation.sh"

PACKAGES=(slurmctld slurmd slurm-client slurm-wlm-basic-plugins munge crun runc charliecloud-runtime umoci skopeo
    squashfs-tools)
PROGRAMS=(slurmctld slurmd sbatch munged crun runc ch-run umoci skopeo unsquashfs)
COMMANDS=(sbatch squeue scancel scontrol sacct sinfo srun skopeo umoci unsquashfs)
HOME_DIR=$ENGINES_DIR/slurm
IMAGES=$HOME_DIR/images
CGROUPS=/sys/fs/cgroup
NODE=$(hostname -s)
PATH=$PATH:/usr/sbin
# shellcheck source=tests/engines/slurm_accounting.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/slurm_accounting.sh"
if [ "$GENERATION" = today ]; then
    # Without accounting: slurmdbd of Debian 13 and of sid fails with MariaDB 11.8.9 ("Number of columns in result").
    PACKAGES+=(apptainer podman catatonit)
    PROGRAMS+=(apptainer podman catatonit)
    COMMANDS+=(apptainer)
else
    # The PMIx plugin of Debian 12 looks for a name of its library that only the development package has.
    PACKAGES+=("${ACCOUNTING_PACKAGES[@]}" libpmix-dev)
    PROGRAMS+=(slurmdbd mariadbd "/usr/lib/$(uname -m)-linux-gnu/pmix2/lib/libpmix.so")
fi

# missing: print the programs that are not installed.
missing() {
    local program
    for program in "${PROGRAMS[@]}"; do
        type -P "$program" >/dev/null || [[ $program == /* && -e $program ]] || echo "$program"
    done
}

install() {
    if [ -z "$(missing)" ]; then
        say "Slurm and the launchers are there"
    else
        install_packages "${PACKAGES[@]}"
    fi
}

# has_cgroups: whether this kernel has what Slurm 22.05 needs of cgroups v1, and lets us use it.
has_cgroups() {
    local controller
    for controller in freezer memory cpuset cpuacct; do
        [ -w "$CGROUPS/$controller/tasks" ] || return 1
    done
}

# start_munge: a daemon that signs what Slurm's programs tell each other; it refuses to run as root.
start_munge() {
    local directory=$HOME_DIR/munge
    ! our_pid munged >/dev/null || return 0
    rm -rf -- "$directory"
    mkdir -p "$directory"
    (umask 077 && head -c 128 /dev/urandom >"$directory/key")
    chmod 755 "$HOME_DIR" "$directory"
    chown -R munge:munge "$directory"
    in_background munged setpriv --reuid=munge --regid=munge --clear-groups munged --foreground \
        --key-file="$directory/key" --socket="$directory/socket" --pid-file="$directory/pid" \
        --log-file="$directory/log" --seed-file="$directory/seed"
    await munged munge -n -S "$directory/socket"
}

# fake_gpus DIRECTORY: write a gres.conf(5) of two GPUs that are not there. Their numbers are those of devices that no job
# uses (autofs, loop-control): Slurm closes the devices with the numbers of other jobs' GPUs.
fake_gpus() {
    local number=0 minor
    mkdir -p "$1/dev"
    for minor in 235 237; do
        [ -e "$1/dev/gpu$number" ] || mknod -m 666 "$1/dev/gpu$number" c 10 "$minor"
        number=$((number + 1))
    done
    echo "Name=gpu File=$1/dev/gpu[0-1]" >"$1/gres.conf"
}

# configure NAME: write a cluster's slurm.conf(5), cgroup.conf(5) and oci.conf(5).
configure() {
    local directory=$HOME_DIR/$1 memory tracking gpus='' controller_port node_port accounting=accounting_storage/none
    hold_port python3 "$REPOSITORY/dev/probe.py"
    controller_port=$HELD_PORT
    hold_port python3 "$REPOSITORY/dev/probe.py"
    node_port=$HELD_PORT
    memory=$(awk '/MemTotal/ { printf "%d", $2 / 1024 * 0.8 }' /proc/meminfo)
    tracking="ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherParams=OverMemoryKill"
    if [ "$1" = cgroup ]; then
        tracking="ProctrackType=proctrack/cgroup
TaskPlugin=task/cgroup
JobAcctGatherType=jobacct_gather/cgroup"
        gpus=' Gres=gpu:2'
        fake_gpus "$directory"
    fi
    [ "$1" != accounted ] || accounting="accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$ACCOUNTING_PORT
AccountingStoragePass=$HOME_DIR/munge/socket"
    mkdir -p "$directory"/{state,spool,oci}
    chmod 1777 "$directory/oci" # users' jobs write there
    # More processors than there are, or jobs would wait for each other; waits of seconds, not of minutes; and patience
    # with daemons of a busy machine. (Slurm's commands try for MessageTimeout, too, while nothing listens.)
    cat >"$directory/slurm.conf" <<END
ClusterName=pfcon-$1
SlurmctldHost=$NODE(127.0.0.1)
SlurmctldPort=$controller_port
SlurmdPort=$node_port
SlurmdParameters=config_overrides
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$HOME_DIR/munge/socket
CredType=cred/munge
StateSaveLocation=$directory/state
SlurmdSpoolDir=$directory/spool
SlurmctldPidFile=$directory/slurmctld.pid
SlurmdPidFile=$directory/slurmd.pid
MpiDefault=none
ReturnToService=2
$tracking
JobAcctGatherFrequency=1
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=2
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU_Memory
DefMemPerCPU=128
AccountingStorageType=$accounting
MinJobAge=10
KillWait=5
MessageTimeout=30
TCPTimeout=30
BatchStartTimeout=120
GresTypes=gpu
NodeName=$NODE NodeAddr=127.0.0.1 CPUs=8 RealMemory=$memory$gpus State=UNKNOWN
PartitionName=jobs Nodes=ALL Default=YES MaxTime=INFINITE State=UP
END
    # Of the memory alone: with processors that are not there, cpusets can't be made.
    cat >"$directory/cgroup.conf" <<END
CgroupPlugin=cgroup/v1
CgroupMountpoint=$CGROUPS
ConstrainRAMSpace=yes
ConstrainSwapSpace=no
ConstrainDevices=yes
END
    # A root of each cluster's own: all of them count jobs from 1.
    local crun="crun --rootless=true --cgroup-manager=disabled --root=$directory/oci/%u" id=%n.%u.%j.%s.%t
    # `exec`, or the shell in between dies of the first signal; an answer to a query that fails, or jobs' logs tell of it.
    cat >"$directory/oci.conf" <<END
RunTimeQuery="$crun state $id 2>/dev/null || echo '{}'"
RunTimeKill="$crun kill -a $id KILL"
RunTimeDelete="$crun delete --force $id"
RunTimeRun="exec $crun run --bundle %b $id"
END
    [ "$1" != cgroup ] || return 0
    crun="crun --rootless=true --root=$directory/oci/%u"
    cat >"$directory/oci.conf" <<END
# As in Slurm's "Containers Guide": its kill names no signal, and its run leaves a shell in between.
RunTimeQuery="$crun state $id"
RunTimeKill="$crun kill -a $id"
RunTimeDelete="$crun delete --force $id"
RunTimeRun="$crun run --bundle %b $id"
END
}

# node_daemon NAME: run slurmd in the foreground. crun 1.8 refuses cgroups v1 whose companion v2 owns a controller:
# slurmd, and all its jobs, don't see that one.
node_daemon() {
    local command=(slurmd -D -f "$HOME_DIR/$1/slurm.conf")
    if grep -qs . "$CGROUPS/unified/cgroup.controllers"; then
        # shellcheck disable=SC2016 # the inner shell expands it
        command=(unshare -m sh -c 'umount "$0" && exec "$@"' "$CGROUPS/unified" "${command[@]}")
    fi
    in_background "slurmd-$1" "${command[@]}"
}

# ready NAME: whether the cluster's node takes jobs; a star at its state's end would say that it does not answer.
ready() {
    SLURM_CONF=$HOME_DIR/$1/slurm.conf timeout 20 sinfo -h -o %T | grep -qxE 'idle|mixed|allocated|completing'
}

# start_cluster NAME: start what does not run of it, without waiting.
start_cluster() {
    if [ ! -f "$HOME_DIR/$1/slurm.conf" ]; then
        configure "$1"
        [ "$1" != accounted ] ||
            SLURM_CONF=$HOME_DIR/$1/slurm.conf sacctmgr -i add cluster "pfcon-$1" >&2
    fi
    if ! our_pid "slurmctld-$1" >/dev/null; then
        in_background "slurmctld-$1" slurmctld -D -f "$HOME_DIR/$1/slurm.conf"
    fi
    our_pid "slurmd-$1" >/dev/null || node_daemon "$1"
}

start() {
    local name clusters
    read -r -a clusters <<<"${PFCON_SLURM_CLUSTERS:-plain$(! has_cgroups || echo " cgroup")$([ "$GENERATION" = today ] || echo " accounted")}"
    [ "$(id -u)" -eq 0 ] || die "slurmd runs jobs as their users: it has to be started by root"
    [ -z "$(missing)" ] || die "missing: $(missing | tr '\n' ' '); \`${0##*/} install\` installs it"
    mkdir -p "$IMAGES"
    start_munge
    [[ " ${clusters[*]} " != *" accounted "* ]] || start_accounting
    for name in "${clusters[@]}"; do
        start_cluster "$name"
    done
    for name in "${clusters[@]}"; do
        await "slurmd-$name" ready "$name"
        export_line "PFCON_TEST_SLURM_${name^^}" "$HOME_DIR/$name/slurm.conf"
    done
    say "started $(SLURM_CONF=$HOME_DIR/${clusters[0]}/slurm.conf sinfo --version) with: ${clusters[*]}"
    [ "$GENERATION" = machine ] || DAEMON=munged export_commands "${COMMANDS[@]}"
    export_line PFCON_TEST_SLURM_IMAGES "$IMAGES"
}

# stop_cluster NAME: end its jobs, its daemons, and what slurmd leaves of cgroups.
stop_cluster() {
    if our_pid "slurmctld-$1" >/dev/null; then
        SLURM_CONF=$HOME_DIR/$1/slurm.conf timeout 20 scancel --partition=jobs || true
        for _ in {1..50}; do
            [ -n "$(SLURM_CONF=$HOME_DIR/$1/slurm.conf timeout 5 squeue -h)" ] || break
            sleep 0.2
        done
    fi
    stop_ours "slurmd-$1" TERM
    stop_ours "slurmctld-$1" TERM
    [ "$1" != cgroup ] || find "$CGROUPS"/*/"slurm_$NODE" -depth -type d -exec rmdir {} + 2>/dev/null || true
}

stop() {
    local name
    for name in accounted cgroup plain; do
        [ ! -f "$HOME_DIR/$name/slurm.conf" ] || stop_cluster "$name"
    done
    stop_accounting
    stop_ours munged TERM
    rm -rf -- "$HOME_DIR"
}

dispatch "$@"
