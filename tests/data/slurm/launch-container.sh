if [ "$#" -eq 3 ]; then
    exec env -i /bin/sh /run/pfcon/launch.sh "$@" inside
fi
while IFS= read -r line; do export "$line"; done <"$2/worker"
export PATH=/opt/bin:/bin
export TOKEN='it'"'"'s "quoted" $HOME `id`'
export FOREIGN='Größe 日本'
export EMPTY=''
export PFCON_WORKERS=1
cd '/work dir' && exec prog --name 'a b'
