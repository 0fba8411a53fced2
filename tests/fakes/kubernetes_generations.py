"""The releases of Kubernetes that the fake cluster can be, and what differs between them.

Sources: what was recorded on 1.20 and 1.34 (tests/data/kubernetes), and what a trial on 1.36 showed; "Jobs",
"Pod Lifecycle" and "Feature Gates" of the documentation of Kubernetes.
"""

from dataclasses import dataclass

from .kubernetes_objects import Json


@dataclass(frozen=True)
class Generation:
    """A release. version: ``1.36``."""

    version: str

    @property
    def minor(self) -> int:
        """The second part of the version."""
        return int(self.version.partition(".")[2])

    @property
    def schema(self) -> str:
        """The release whose schemas check a Job: there are none before 1.25."""
        return f"1.{max(25, self.minor)}"

    @property
    def indexed(self) -> bool:
        """Indexed Jobs (beta in 1.22)."""
        return self.minor >= 22

    @property
    def tracks_pods(self) -> bool:
        """A finalizer keeps each pod until its Job has counted it (1.26); before, a deleted pod is never counted."""
        return self.minor >= 26

    @property
    def policies(self) -> bool:
        """podFailurePolicy (beta in 1.26) and podReplacementPolicy (1.29), the latter in Jobs with the former too."""
        return self.minor >= 29

    @property
    def targets(self) -> bool:
        """A Job tells by SuccessCriteriaMet or FailureTarget that it ends, and ends with its last pod (1.31)."""
        return self.minor >= 31

    @property
    def counts_ready(self) -> bool:
        """``ready`` (1.24), ``terminating`` (1.28) and ``uncountedTerminatedPods`` (1.26) in the status of a Job."""
        return self.minor >= 28

    @property
    def tells_end_early(self) -> bool:
        """A kubelet reports a pod as Failed before it ends its containers, whose end it never reports (before 1.22)."""
        return self.minor < 22

    @property
    def start_error(self) -> tuple[int, str]:
        """The exit code and the reason of a container that could not be started; dockershim's before 1.24."""
        return (127, "ContainerCannotRun") if self.minor < 24 else (128, "StartError")

    @property
    def turns_back(self) -> bool:
        """While a pod ends that could not start, a kubelet reports that it creates the container (seen on 1.36)."""
        return self.minor >= 36

    def known(self, job: Json) -> None:
        """Drop the fields that this release does not know."""
        if not self.policies:
            for field in ("podFailurePolicy", "podReplacementPolicy", "successPolicy"):
                job["spec"].pop(field, None)
        if not self.indexed:
            job["spec"].pop("completionMode", None)
            job["spec"].pop("suspend", None)


OLD, RECORDED, TODAY = Generation("1.20"), Generation("1.34"), Generation("1.36")
