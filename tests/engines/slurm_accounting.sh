# shellcheck shell=bash
# The accounting of a Slurm cluster: slurmdbd(8) with a MariaDB of its own, both on free ports of loopback. slurm.sh
# sources this.

DATABASE_DIR=$HOME_DIR/database
ACCOUNTING_PACKAGES=(slurmdbd slurm-wlm-mysql-plugin mariadb-server)

# start_database: a MariaDB for slurmdbd alone, which anybody of this machine may use as root.
start_database() {
    ! our_pid mariadbd >/dev/null || return 0
    mkdir -p "$DATABASE_DIR"
    chown mysql:mysql "$DATABASE_DIR"
    chmod 700 "$DATABASE_DIR"
    mariadb-install-db --no-defaults --user=mysql --datadir="$DATABASE_DIR/data" --auth-root-authentication-method=normal \
        --skip-test-db >"$HOME_DIR/database.log" 2>&1 || { tail -n 20 "$HOME_DIR/database.log" >&2; die "mariadb-install-db failed"; }
    hold_port python3 "$REPOSITORY/dev/probe.py"
    echo "$HELD_PORT" >"$HOME_DIR/database.port"
    in_background mariadbd mariadbd --no-defaults --user=mysql --datadir="$DATABASE_DIR/data" --socket="$DATABASE_DIR/socket" \
        --pid-file="$DATABASE_DIR/pid" --bind-address=127.0.0.1 --port="$HELD_PORT" --skip-name-resolve \
        --innodb-buffer-pool-size=64M --innodb-log-file-size=16M --innodb-lock-wait-timeout=900
    await mariadbd mariadb-admin --no-defaults --socket="$DATABASE_DIR/socket" --user=root ping
    mariadb --no-defaults --socket="$DATABASE_DIR/socket" --user=root -e \
        "CREATE USER 'slurm'@'127.0.0.1' IDENTIFIED BY 'testing'; GRANT ALL ON *.* TO 'slurm'@'127.0.0.1'"
}

# start_accounting: slurmdbd; sets ACCOUNTING_PORT.
start_accounting() {
    local conf=$HOME_DIR/slurmdbd/slurmdbd.conf
    start_database
    if ! our_pid slurmdbd >/dev/null; then
        mkdir -p "${conf%/*}"
        hold_port python3 "$REPOSITORY/dev/probe.py"
        (umask 077 && cat >"$conf") <<END
AuthType=auth/munge
AuthInfo=socket=$HOME_DIR/munge/socket
DbdHost=$NODE
DbdAddr=127.0.0.1
DbdPort=$HELD_PORT
SlurmUser=root
PidFile=${conf%/*}/pid
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$(cat "$HOME_DIR/database.port")
StorageUser=slurm
StoragePass=testing
StorageLoc=slurm_accounting
END
        SLURM_CONF=$conf in_background slurmdbd slurmdbd -D
    fi
    ACCOUNTING_PORT=$(sed -n 's/^DbdPort=//p' "$conf")
    await slurmdbd python3 -c "import socket; socket.create_connection(('127.0.0.1', $ACCOUNTING_PORT), 1)"
}

# stop_accounting: end both; data goes with slurm.sh's directory.
stop_accounting() {
    stop_ours slurmdbd TERM
    stop_ours mariadbd TERM
}
