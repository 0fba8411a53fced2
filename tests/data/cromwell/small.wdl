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
set -- true
case "$1" in
*/*)
[ -e "$1" ] || pfcon_refuse 'no such command' 127
{ [ -x "$1" ] && [ ! -d "$1" ]; } || pfcon_refuse 'not executable' 126
;;
*) (command -v -- "$1") >/dev/null || pfcon_refuse 'no such command' 127 ;;
esac
export PFCON_WORKER=0 JOB_COMPLETION_INDEX=0 PFCON_WORKERS=1
exec "$@" </dev/null 2>&1
  >>>
  runtime {
    docker: "fnndsc/pl-x"
    pfcon_minutes: 90
    pfcon_mounts: ""
    maxRetries: 0
    failOnStderr: false
    continueOnReturnCode: 0
  }
}
