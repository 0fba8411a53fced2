#!/usr/bin/env bash
# A Ceph of one node: node.sh DIRECTORY MON_PORT RADOSGW_PORT; ceph.sh starts it. It makes the cluster in DIRECTORY, starts
# a monitor, an OSD on a file and a radosgw, all on loopback, makes the user of the tests, creates DIRECTORY/up, and stays.
# Its daemons end with it.
set -euo pipefail
PATH=/usr/sbin:/usr/bin:/sbin:/bin
DIRECTORY=$1 MON_PORT=$2 RADOSGW_PORT=$3
USER_NAME=chris:chris1234 KEY=testing # as dev/swift_server.py has them, for Swift and for S3
SECONDS_OF_COMMAND=60
STORE_BYTES=$((6 << 30)) # of the OSD's file, which is sparse
MEMORY_BYTES=$((896 << 20)) # the least that an OSD takes for its caches

# configure FSID: write ceph.conf(5). No keys: whoever reaches loopback here may do everything.
configure() {
    cat >"$DIRECTORY/ceph.conf" <<END_OF_FILE
[global]
fsid = $1
mon initial members = a
mon host = v2:127.0.0.1:$MON_PORT/0
public network = 127.0.0.0/8
cluster network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
# radosgw asks for encryption by default, which needs keys.
ms mon client mode = crc secure
keyring = $DIRECTORY/keyring
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon max pg per osd = 1000
# Changes of the cluster's maps are seconds apart by default; here nobody else makes any.
paxos propose interval = 0.05
osd objectstore = bluestore
bluestore block size = $STORE_BYTES
osd memory target = $MEMORY_BYTES
# radosgw puts the bucket's id before the object's name, which may have 1024 bytes.
osd max object name len = 2048
log file = $DIRECTORY/log/\$name.log
admin socket = $DIRECTORY/run/\$name.asok
run dir = $DIRECTORY/run
pid file = $DIRECTORY/run/\$name.pid
[mon.a]
mon data = $DIRECTORY/mon
[osd.0]
osd data = $DIRECTORY/osd
[client.admin]
rgw frontends = beast endpoint=127.0.0.1:$RADOSGW_PORT
rgw data = $DIRECTORY/radosgw
rgw enable usage log = false
# 1000 by default, later 5000: with less, tests need fewer objects to meet a page that is shorter than asked for.
rgw max listing results = 100
END_OF_FILE
}

# daemon COMMAND...: start a program that is killed when this one ends.
daemon() {
    setpriv --pdeathsig KILL "$@" -c "$DIRECTORY/ceph.conf" -f &
}

# admin COMMAND...: call a command of Ceph's administrator.
admin() {
    timeout "$SECONDS_OF_COMMAND" "$1" -c "$DIRECTORY/ceph.conf" "${@:2}"
}

# answers: whether radosgw answers.
answers() {
    (exec 3<>"/dev/tcp/127.0.0.1/$RADOSGW_PORT") 2>/dev/null
}

trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
trap 'exit 0' TERM INT
fsid=$(cat /proc/sys/kernel/random/uuid)
osd=$(cat /proc/sys/kernel/random/uuid)
mkdir -p "$DIRECTORY"/{mon,osd,radosgw,log,run}
configure "$fsid"
ceph-authtool --create-keyring "$DIRECTORY/keyring" --gen-key -n mon. --cap mon 'allow *'
ceph-authtool "$DIRECTORY/keyring" --gen-key -n client.admin --cap mon 'allow *' --cap osd 'allow *'
monmaptool --create --addv a "[v2:127.0.0.1:$MON_PORT]" --fsid "$fsid" "$DIRECTORY/monmap"
ceph-mon -c "$DIRECTORY/ceph.conf" --mkfs -i a --monmap "$DIRECTORY/monmap" --keyring "$DIRECTORY/keyring"
daemon ceph-mon -i a
admin ceph osd new "$osd"
ceph-osd -c "$DIRECTORY/ceph.conf" -i 0 --mkfs --osd-uuid "$osd"
admin ceph osd crush add osd.0 1.0 host=node root=default
daemon ceph-osd -i 0
until admin ceph osd stat | grep -q '1 up'; do sleep 0.5; done
daemon radosgw -n client.admin
until answers; do sleep 0.5; done
admin radosgw-admin user create --uid=chris --display-name=chris --access-key="$USER_NAME" --secret="$KEY"
admin radosgw-admin subuser create --uid=chris --subuser="$USER_NAME" --access=full --key-type=swift --secret-key="$KEY"
touch "$DIRECTORY/up"
wait -n # the first daemon that ends is a fault
echo "a daemon ended; see $DIRECTORY/log" >&2
exit 1
