"""The kubernetes engine: one Kubernetes Job for each job."""
