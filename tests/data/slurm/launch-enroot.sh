cat >"$2/start.conf" <<'PFCON_END'
environ() {
    cat <<'PFCON_ENV'
PATH=/opt/bin:/bin
TOKEN=it's "quoted" $HOME `id`
FOREIGN=Größe 日本
EMPTY=
PFCON_WORKERS=1
PFCON_END
{ cat "$2/worker"; printf 'PFCON_ENV\n}\n'; } >>"$2/start.conf"
ENROOT_DATA_PATH=/store/.pfcon/slurm-images/ab exec "$1" start --conf "$2/start.conf" --mount '/store/key-7/incoming /share/incoming none x-create=dir,rbind,ro' --mount '/store/key-7/outgoing /share/outgoing none x-create=dir,rbind,rw' --root rootfs prog --name 'a b'
