#!/usr/bin/env bash
# A PostgreSQL of its own for the tests, on a free port of loopback. README.md in this directory tells how to use it.
set -euo pipefail
# shellcheck source=tests/engines/lib.sh
. "$(dirname -- "${BASH_SOURCE[0]}")/lib.sh"

HOME_DIR=$ENGINES_DIR/postgresql
URL_FILE=$ENGINES_DIR/postgresql.url

# binary NAME: print the path of a program of the newest PostgreSQL; fails when there is none.
binary() {
    local found
    found=$(printf '%s\n' /usr/lib/postgresql/*/bin/"$1" | sort -V | tail -n 1)
    [ -x "$found" ] || found=$(type -P "$1") || return 1
    echo "$found"
}

install() {
    if binary initdb >/dev/null; then
        say "PostgreSQL is there"
        return
    fi
    # Without this, the package makes and starts a cluster that nobody asked for.
    mkdir -p /etc/postgresql-common/createcluster.d
    echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.d/pfcon-tests.conf
    install_packages postgresql
}

# PostgreSQL refuses to run as root. Both programs are replaced by the next, so that the pid stays.
as_user=()
if [ "$(id -u)" -eq 0 ]; then
    as_user=(setpriv --reuid=postgres --regid=postgres --clear-groups env "HOME=$HOME_DIR")
fi

# make_cluster PASSWORD: a new cluster with a superuser pfcon.
make_cluster() {
    rm -rf -- "$HOME_DIR"
    mkdir -p "$ENGINES_DIR" "$HOME_DIR"
    chmod 755 "$ENGINES_DIR"
    (umask 077 && printf '%s\n' "$1" >"$HOME_DIR/password")
    [ "$(id -u)" -ne 0 ] || chown -R postgres:postgres "$HOME_DIR"
    if ! (
        cd / # that user may not enter where we are
        "${as_user[@]}" "$(binary initdb)" --pgdata="$HOME_DIR/data" --username=pfcon --pwfile="$HOME_DIR/password" \
            --auth=scram-sha-256 --encoding=UTF8 --locale=C.UTF-8 --no-sync
    ) >"$ENGINES_DIR/initdb.log" 2>&1; then
        cat "$ENGINES_DIR/initdb.log" >&2
        die "initdb failed; user postgres has to be able to enter $ENGINES_DIR"
    fi
    rm -f "$HOME_DIR/password"
}

start() {
    local port password
    if our_pid postgresql >/dev/null; then
        say "ours answers already"
        export_line PFCON_TEST_POSTGRESQL "$(cat "$URL_FILE")"
        return
    fi
    if [ -n "${PFCON_TEST_POSTGRESQL:-}" ]; then
        # pg_isready takes libpq's URLs, which know no driver.
        if "$(binary pg_isready)" -q -d "${PFCON_TEST_POSTGRESQL/+psycopg/}"; then
            say "answers at PFCON_TEST_POSTGRESQL already"
            export_line PFCON_TEST_POSTGRESQL "$PFCON_TEST_POSTGRESQL"
            return
        fi
        say "nothing answers at PFCON_TEST_POSTGRESQL; starting one of our own"
    fi
    binary initdb >/dev/null || die "there is no PostgreSQL; \`${0##*/} install\` installs it"
    password=$(python3 -c 'import secrets; print(secrets.token_hex(16))')
    hold_port python3 "$REPOSITORY/dev/probe.py"
    port=$HELD_PORT
    make_cluster "$password"
    cd /
    # fsync off: these data are worth nothing after a crash.
    in_background postgresql "${as_user[@]}" "$(binary postgres)" -D "$HOME_DIR/data" -c listen_addresses=127.0.0.1 \
        -c "port=$port" -c unix_socket_directories= -c fsync=off
    await postgresql "$(binary pg_isready)" -h 127.0.0.1 -p "$port"
    (umask 077 && echo "postgresql+psycopg://pfcon:$password@127.0.0.1:$port/postgres" >"$URL_FILE")
    say "started PostgreSQL on 127.0.0.1:$port"
    export_line PFCON_TEST_POSTGRESQL "$(cat "$URL_FILE")"
}

stop() {
    stop_ours postgresql INT # a fast shutdown; postgres(1)
    rm -rf -- "$HOME_DIR" "$URL_FILE"
}

dispatch "$@"
