"""The version of the schedd that has the jobs."""

from pfcon.compute.htcondor.commands import Commands
from pfcon.compute.htcondor.parsing import ads
from pfcon.compute.htcondor.settings import HTCondorSettings


def version_of(commands: Commands, settings: HTCondorSettings) -> str:
    """Return the version and the name of the schedd. Raises Unreachable."""
    pool = ["-pool", settings.pool] if settings.pool else []
    words = ["condor_status", *pool, "-schedd", "-json", "-attributes", "Name,CondorVersion"]
    found = ads(commands.run(words))
    named = [ad for ad in found if settings.schedd in (None, ad.get("Name"))]
    if not named:
        return "of an unknown version"
    words = str(named[0].get("CondorVersion", "")).split()  # $CondorVersion: 23.9.6 2026-07-12 PackageID: ... $
    return f"{words[1] if len(words) > 1 else 'of an unknown version'} ({named[0].get('Name')})"
