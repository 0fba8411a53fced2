"""The variables of a job that programs of its node would read, too. Pure.

A launcher runs outside of the container. With such a variable, a job could make it load what an earlier job has written
to storeBase. So a launcher never has them: they are set in the container alone.
"""

import re
from collections.abc import Mapping

from pfcon.compute.slurm.node_job import DEFAULT_PATH

# ld.so(8), "ENVIRONMENT", and those that ld.so removes for setuid programs; of shells, interpreters and libraries that
# load code; and where programs search their files. Which ones a program reads is not known for all programs.
_OF_HOST = re.compile(
    r"LD_.*|GLIBC_TUNABLES|GCONV_PATH|GETCONF_DIR|HOSTALIASES|LOCALDOMAIN|LOCPATH|MALLOC_.*|NIS_PATH|NLSPATH"
    r"|RESOLV_.*|RES_OPTIONS|TMPDIR|TZDIR|ENV|BASH_ENV|BASHOPTS|SHELLOPTS|IFS|PS4|CDPATH|PYTHON.*|PERL.*|RUBY.*|GEM_.*"
    r"|NODE_.*|LUA_.*|JAVA_.*|JDK_.*|_JAVA_OPTIONS|GODEBUG|OPENSSL_.*|SSL_CERT_.*|GIO_.*|KRB5.*|HOME|XDG_.*|DBUS_.*"
    r"|CH_.*|CONTAINER.*|DOCKER_.*|PODMAN_.*|REGISTRY_.*|SINGULARITY.*|APPTAINER.*|SHIFTER.*|SARUS.*|ENROOT.*"
)
_SYSTEM = frozenset(DEFAULT_PATH.split(":"))


def of_host(env: Mapping[str, str]) -> dict[str, str]:
    """Return the variables that a program of the node would read. A PATH of the system's directories is none."""
    return {
        key: value
        for key, value in env.items()
        if _OF_HOST.fullmatch(key) or (key == "PATH" and not _SYSTEM.issuperset(value.split(":")))
    }
