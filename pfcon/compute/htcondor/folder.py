"""A job's directory, as on Slurm: see ``pfcon.compute.slurm.folder``."""

from pfcon.compute.slurm.folder import JobFolder

LOG = "htcondor.log"  # messages of HTCondor and of the script


class HTCondorFolder(JobFolder):
    """A directory below .pfcon/htcondor."""

    engine, end_command = "htcondor", "condor_rm"
