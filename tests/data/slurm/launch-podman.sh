(umask 077 && cat >"$2/env") <<'END_5f' || exit 125
PATH=/opt/bin:/bin
TOKEN=it's "quoted" $HOME `id`
FOREIGN=Größe 日本
EMPTY=
PFCON_WORKERS=1
END_5f
cat "$2/worker" >>"$2/env" || exit 125
exec "$1" --log-level=error run --rm --init --cgroups=disabled --runtime=crun --network=host --pull=never --log-driver=passthrough --cap-drop=all --security-opt=no-new-privileges --read-only --http-proxy=false --unsetenv-all --hostname="job-$3" --workdir='/work dir' --volume=/store/key-7/incoming:/share/incoming:ro --volume=/store/key-7/outgoing:/share/outgoing:rw --name="pfcon-5f-$3" --env-file="$2/env" --entrypoint= --rootfs /store/.pfcon/slurm-images/ab/rootfs:O prog --name 'a b'
