"""Gives a test cluster the tests' namespace and claim: ``claim.py URL CERTIFICATES DIRECTORY NAME``.

The claim's volume is a directory of the one node, which is this machine.
"""

import json
import ssl
import sys
import urllib.error
import urllib.request


def main(url: str, certificates: str, directory: str, name: str) -> None:
    """Make what is not there yet."""
    context = ssl.create_default_context(cafile=f"{certificates}/ca.crt")
    context.load_cert_chain(f"{certificates}/admin.crt", f"{certificates}/admin.key")
    https = urllib.request.HTTPSHandler(context=context)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), https)
    size, modes = {"storage": "10Gi"}, ["ReadWriteMany"]
    claimed = {"namespace": name, "name": name}
    volume = {"capacity": size, "accessModes": modes, "hostPath": {"path": directory}, "claimRef": claimed}
    claim = {"resources": {"requests": size}, "accessModes": modes, "volumeName": name}
    wanted = [
        ("namespaces", "Namespace", {}),
        ("persistentvolumes", "PersistentVolume", {**volume, "storageClassName": ""}),
        (f"namespaces/{name}/persistentvolumeclaims", "PersistentVolumeClaim", {**claim, "storageClassName": ""}),
    ]
    for path, kind, spec in wanted:
        body = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}, **({"spec": spec} if spec else {})}
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{url}/api/v1/{path}", json.dumps(body).encode(), headers)
        try:
            opener.open(request, timeout=60).close()
        except urllib.error.HTTPError as fault:
            if fault.code != 409:  # it is there
                raise SystemExit(f"{kind} {name}: {fault.code} {fault.read(1000).decode()}") from None


if __name__ == "__main__":
    main(*sys.argv[1:])
