"""The htcondor engine. Its node side (job.sh, launchers, images, the jobs' directories) is that of ``slurm``."""
