# shellcheck shell=bash
# Of which generation an engine is: this machine's own packages, or with GENERATION=today those of a newer Debian, in a
# tree of directories beside them. The same script starts both: source this after lib.sh, and it goes on in the tree.
#
# PFCON_TREES: where trees are kept, by default ~/.cache/pfcon-trees. PFCON_TREE_SUITE: the Debian suite of the tree.

GENERATION=${GENERATION:-machine}
TREE_SUITE=${PFCON_TREE_SUITE:-trixie}
TREE=${PFCON_TREES:-$HOME/.cache/pfcon-trees}/$TREE_SUITE
TREE_PACKAGES=(ca-certificates python3-minimal libpython3-stdlib procps iproute2 iptables util-linux)
TREE_PATH=/usr/sbin:/usr/bin:/sbin:/bin
OF_SID=(apptainer) # what only Debian's unstable suite has

# make_tree: a minimal Debian system, complete or not at all.
make_tree() {
    local work=$TREE.$$ mirror
    [ ! -d "$TREE" ] || return 0
    type -P debootstrap >/dev/null || install_packages debootstrap debian-archive-keyring
    # shellcheck disable=SC2016 # apt-get replaces it: where this machine's packages come from
    mirror=$(apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' | head -n 1)
    say "making a tree of Debian's $TREE_SUITE in $TREE"
    mkdir -p "$work"
    debootstrap --variant=minbase "$TREE_SUITE" "$work" ${mirror:+"$mirror"} >&2 || { rm -rf -- "$work"; die "debootstrap failed"; }
    configure_tree "$work" "${mirror:-http://deb.debian.org/debian}"
    TREE=$work in_tree apt-get update -q >&2
    TREE=$work in_tree env DEBIAN_FRONTEND=noninteractive \
        apt-get install -y -q --no-install-recommends "${TREE_PACKAGES[@]}" >&2
    mv -T -- "$work" "$TREE"
}

# configure_tree DIRECTORY MIRROR: no package starts a daemon there; names and certificates are this machine's.
configure_tree() {
    local etc=$1/etc
    printf '#!/bin/sh\nexit 101\n' >"$1/usr/sbin/policy-rc.d" # invoke-rc.d(8): the action is not allowed
    chmod 755 "$1/usr/sbin/policy-rc.d"
    printf 'path-exclude /usr/share/%s/*\n' doc man locale >"$etc/dpkg/dpkg.cfg.d/small"
    # sid is not renewed by all mirrors; its Release file may be older than it says it may be. It is signed all the same.
    printf '%s;\n' 'Acquire::Check-Valid-Until "false"' 'Acquire::Languages "none"' 'APT::Sandbox::User "root"' \
        >"$etc/apt/apt.conf.d/90tree"
    cp -L /etc/resolv.conf /etc/hosts "$etc/"
    mkdir -p "$etc/ssl/certs"
    cp -L /etc/ssl/certs/ca-certificates.crt "$etc/ssl/certs/"
    [ "$TREE_SUITE" = sid ] && return
    printf 'deb %s sid main\n' "$2" >"$etc/apt/sources.list.d/sid.list"
    printf 'Package: %s\nPin: release n=sid\nPin-Priority: %d\n\n' '*' 50 "${OF_SID[*]}" 600 >"$etc/apt/preferences.d/sid"
}

# in_tree COMMAND...: run a command in the tree. What is mounted on this machine later, below directories that both share,
# is seen there too: tests mount small disks. systemd makes all mounts shared; without it they are private.
in_tree() {
    local directory
    for directory in "${TREE_DIRECTORIES[@]}"; do
        mount --make-shared "$(findmnt --noheadings --output TARGET --target "$directory")"
    done
    unshare -m --propagation slave sh "$REPOSITORY/tests/engines/inside.sh" "$TREE" "${TREE_DIRECTORIES[@]}" -- "$@"
}

# export_commands NAME...: print the lines for `eval` that put commands of the tree first on PATH, and name a script that
# runs any command there, in PFCON_TEST_ENTER. They are run beside the daemon DAEMON of in_background, as root: who is to
# be another user enters first, and then becomes that user.
export_commands() {
    local bin=$ENGINES_DIR/bin enter=$ENGINES_DIR/enter name pid
    pid=$(our_pid "$DAEMON")
    mkdir -p "$bin"
    for name; do
        printf '#!/bin/sh\nexec nsenter --target %d --mount -- %s "$@"\n' "$pid" "$(type -P "$name")" >"$bin/$name"
    done
    printf '#!/bin/sh\nexec nsenter --target %d --mount -- env PATH=%s "$@"\n' "$pid" "$TREE_PATH" >"$enter"
    chmod 755 "$bin"/* "$enter"
    export_line PFCON_TEST_ENTER "$enter"
    # shellcheck disable=SC2016 # for the shell that reads it
    printf 'export PATH=%q:"$PATH"\n' "$bin"
}

# enter_tree ARGUMENT...: go on with this script in the tree; `install` makes it first. `start` also tells the tests which
# generation they have, so that the engines that they start themselves are of the same.
enter_tree() {
    local directory
    [ "${1:-}" != install ] || make_tree
    [ -d "$TREE" ] || die "there is no $TREE; \`GENERATION=today ${0##*/} install\` makes it"
    mkdir -p "$ENGINES_DIR"
    for directory in "$REPOSITORY" "$ENGINES_DIR"; do
        [[ $directory == /tmp/* ]] || TREE_DIRECTORIES+=("$directory")
    done
    in_tree env PFCON_IN_TREE=yes PFCON_ENGINES_DIR="$ENGINES_DIR" PATH="$TREE_PATH" \
        bash "$REPOSITORY/tests/engines/${0##*/}" "$@" || return
    [ "${1:-}" = start ] || return 0
    export_line GENERATION "$GENERATION"
    export_line PFCON_TREES "${TREE%/*}"
    export_line PFCON_TREE_SUITE "$TREE_SUITE"
}

TREE_DIRECTORIES=(/tmp)
case $GENERATION in
    machine) ;;
    today)
        ENGINES_DIR=${PFCON_ENGINES_DIR:-/tmp/pfcon-engines-today}
        if [ -z "${PFCON_IN_TREE:-}" ] && [[ ${1:-} =~ ^(install|start|stop)$ ]]; then
            enter_tree "$@"
            exit
        fi ;;
    *) die "GENERATION=$GENERATION: it is machine or today" ;;
esac
