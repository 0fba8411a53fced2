#!/usr/bin/env bash
# kubectl for the tests of make.sh: the real one of KUBECTL_REAL, but for what the tests' cluster has no network for.
# KUBECTL_PATCH, a file, is added to each overlay that is applied; port-forward leads to KUBECTL_PORT of loopback.
set -euo pipefail
case " $* " in
    *" apply -k "*) cat "$KUBECTL_PATCH" >>"${*: -1}/kustomization.yaml" ;;
    *" port-forward "*)
        port=${*: -1}
        exec "$PYTHON" "$(dirname -- "$0")/forward.py" "${port%:*}" "$KUBECTL_PORT"
        ;;
esac
exec "$KUBECTL_REAL" "$@"
