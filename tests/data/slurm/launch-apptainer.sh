while IFS= read -r line; do export "APPTAINERENV_$line" "SINGULARITYENV_$line"; done <"$2/worker"
export APPTAINERENV_PATH=/opt/bin:/bin
export APPTAINERENV_TOKEN='it'"'"'s "quoted" $HOME `id`'
export APPTAINERENV_FOREIGN='Größe 日本'
export APPTAINERENV_EMPTY=''
export APPTAINERENV_PFCON_WORKERS=1
export SINGULARITYENV_PATH=/opt/bin:/bin
export SINGULARITYENV_TOKEN='it'"'"'s "quoted" $HOME `id`'
export SINGULARITYENV_FOREIGN='Größe 日本'
export SINGULARITYENV_EMPTY=''
export SINGULARITYENV_PFCON_WORKERS=1
exec "$1" exec --containall --cleanenv --no-home --no-privs --pwd '/work dir' --bind /store/key-7/incoming:/share/incoming:ro --bind /store/key-7/outgoing:/share/outgoing:rw /store/.pfcon/slurm-images/ab/rootfs prog --name 'a b'
