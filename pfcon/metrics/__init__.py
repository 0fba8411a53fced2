"""What Prometheus reads about a service: see ``docs/metrics.md``.

``instruments`` has what each process counts; prometheus_client adds the numbers of all processes of a service, through
files in a directory that must be known before it is imported: see ``directory``. States are looked up when they are
asked for: ``pfcon.jobs.measuring``.
"""
