"""The process engine: each job a supervised process tree of this host. Imports nothing: supervisors load it too."""
