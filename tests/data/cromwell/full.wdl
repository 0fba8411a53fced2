version 1.0

workflow pfcon {
  call job
}

task job {
  command <<<
pfcon_n='
'
pfcon_refuse() {
printf 'pfcon: %s\n' "$1" >&2
exit "$2"
}
[ -n "$pfcon_workdir" ] || pfcon_workdir=/
cd -- "$pfcon_workdir" || exit 1
unset pfcon_workdir
[ -d /share/incoming ] || pfcon_refuse 'not mounted' 125
[ -d /share/outgoing ] || pfcon_refuse 'not mounted' 125
set -- python3 /usr/local/bin/x '--a b' 'it'"'"'s' "$(printf %b '\0176\0173no\0175 \0076\0076\0076')" "$(printf %b 'Gr\0303\0266\0303\0237e')$pfcon_n" '' /share/incoming /share/outgoing
case "$1" in
*/*)
[ -e "$1" ] || pfcon_refuse 'no such command' 127
{ [ -x "$1" ] && [ ! -d "$1" ]; } || pfcon_refuse 'not executable' 126
;;
*) (PATH='/opt/my tools:/bin'; command -v -- "$1") >/dev/null || pfcon_refuse 'no such command' 127 ;;
esac
export PFCON_WORKER=0 JOB_COMPLETION_INDEX=0 PFCON_WORKERS=1
exec env -- A=b=c EMPTY= 'PATH=/opt/my tools:/bin' HOME=/tmp "$@" </dev/null 2>&1
  >>>
  runtime {
    docker: "registry.example.org:5000/fnndsc/pl-x:1.0"
    pfcon_minutes: 90
    pfcon_mounts: "--mount type=bind,source=/srv/storebase/key-chris-jid-42/incoming,destination=/share/incoming,ro --mount 'type=bind,\"source=/srv/storebase/home/bob/final, \u0024{really}\",destination=/share/outgoing'"
    cpu: 2
    memory: "1025 MiB"
    maxRetries: 0
    failOnStderr: false
    continueOnReturnCode: 0
  }
}
