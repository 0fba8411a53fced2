"""The slurm engine: jobs are Slurm's, in containers, and are known by directories below storeBase."""
