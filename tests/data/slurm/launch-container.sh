if [ "$#" -eq 3 ]; then
    exec env -i /bin/sh /run/pfcon/launch.sh "$@" inside
fi
export PATH=/opt/bin:/bin
export TOKEN='it'"'"'s "quoted" $HOME `id`'
export FOREIGN='Größe 日本'
export EMPTY=''
cd '/work dir' && exec prog --name 'a b'
