#!/usr/bin/env bash
# A Podman service of a user who is not root, for the tests, from Debian's podman. README.md here tells how to use it.
# PFCON_TEST_PODMAN_ROOTLESS: where it answers or is to answer, unix:///PATH. Makes the user $OWNER, as root.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

OWNER=pfcon-rootless
HOME_DIR=$ENGINES_DIR/podman-rootless
URL=${PFCON_TEST_PODMAN_ROOTLESS:-unix://$HOME_DIR/podman.sock}
AS_OWNER=(setpriv --reuid="$OWNER" --regid="$OWNER" --clear-groups
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME="$HOME_DIR" XDG_RUNTIME_DIR="$HOME_DIR/run")

install() {
    if type -P podman runc catatonit newuidmap slirp4netns >/dev/null; then
        say "podman is there, with what it needs without root"
    else
        install_packages podman runc catatonit uidmap slirp4netns
    fi
}

# make_owner: a user with a home, and with ranges of further users' numbers for the users in its containers.
make_owner() {
    id "$OWNER" >/dev/null 2>&1 ||
        useradd --no-create-home --home-dir "$HOME_DIR" --shell /usr/sbin/nologin "$OWNER" # useradd(8) adds the ranges
    mkdir -p "$HOME_DIR/run" "$HOME_DIR/.config/containers"
    configure >"$HOME_DIR/.config/containers/containers.conf"
    printf '[storage]\ndriver = "overlay"\n' >"$HOME_DIR/.config/containers/storage.conf" # else it may take vfs: slow
    chown -R "$OWNER:$OWNER" "$HOME_DIR"
    chmod 700 "$HOME_DIR/run"
    chmod 755 "$ENGINES_DIR" # its owner passes through
}

# configure: print containers.conf(5) for a machine without systemd, and for mixed cgroup layouts.
configure() {
    cat <<'END_OF_FILE'
[engine]
cgroup_manager = "cgroupfs"
runtime = "runc"
END_OF_FILE
}

start() {
    if api probe "$URL" >/dev/null 2>&1; then
        say "$(api probe "$URL") answers at $URL already"
    else
        type -P podman newuidmap slirp4netns >/dev/null ||
            die "podman, newuidmap or slirp4netns is missing; \`${0##*/} install\` installs them"
        [ "$(id -u)" -eq 0 ] || die "this makes a user, which needs root; or set PFCON_TEST_PODMAN_ROOTLESS to your own"
        make_owner
        stat -c %a /dev/net/tun >"$ENGINES_DIR/tun.mode"
        chmod 666 /dev/net/tun # as udev has it, where it runs: slirp4netns(1) opens it
        cd "$HOME_DIR"
        in_background podman-rootless "${AS_OWNER[@]}" podman system service -t 0 "$URL"
        await podman-rootless api probe "$URL"
        say "started $(api probe "$URL") at $URL"
    fi
    export_line PFCON_TEST_PODMAN_ROOTLESS "$URL"
}

# end_owner: end what is left of the user, whom nobody else has: the monitors of exec sessions live five minutes longer.
end_owner() {
    local pids
    mapfile -t pids < <(find /proc -maxdepth 1 -regex '/proc/[0-9]+' -user "$OWNER" -printf '%f\n' 2>/dev/null)
    [ ${#pids[@]} -eq 0 ] || kill -KILL "${pids[@]}" 2>/dev/null || true
}

stop() {
    stop_ours podman-rootless TERM
    [ -d "$HOME_DIR" ] || return 0
    cd "$HOME_DIR"
    "${AS_OWNER[@]}" podman rm --all --force --time 0 >/dev/null 2>&1 || true
    "${AS_OWNER[@]}" podman system migrate || true # ends the process that keeps the user's namespace (its manual page)
    end_owner
    cd /
    rm -rf -- "$HOME_DIR"
    userdel "$OWNER"
    chmod "$(cat "$ENGINES_DIR/tun.mode")" /dev/net/tun
    rm -f "$ENGINES_DIR/tun.mode"
    say "removed user $OWNER"
}

dispatch "$@"
