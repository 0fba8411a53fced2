(umask 077 && cat >"$2/env") <<'PFCON_END'
PATH=/opt/bin:/bin
TOKEN=it's "quoted" $HOME `id`
FOREIGN=Größe 日本
EMPTY=
PFCON_WORKERS=1
PFCON_END
cat "$2/worker" >>"$2/env"
exec "$1" run --name="pfcon-5f-$3" --env-file="$2/env" --rm --init --cgroups=disabled --runtime=crun --network=host --pull=never --cap-drop=all --security-opt=no-new-privileges --read-only --http-proxy=false --unsetenv-all '--workdir=/work dir' --volume=/store/key-7/incoming:/share/incoming:ro --volume=/store/key-7/outgoing:/share/outgoing:rw --entrypoint= --rootfs /store/.pfcon/slurm-images/ab/rootfs prog --name 'a b'
