"""The process engine: each job is a supervised process tree of this host. No imports: supervisors load it too."""
