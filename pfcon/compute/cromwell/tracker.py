"""Finds the workflow of a job: by its claim in storeBase, or else by labels in Cromwell."""

import contextlib
import logging
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import PurePosixPath

from pfcon.compute.base import Mine, anyone, require_mine
from pfcon.compute.cromwell import state
from pfcon.compute.cromwell.claims import REMEMBERED, Claim, Claims
from pfcon.compute.cromwell.client import CromwellCalls
from pfcon.compute.cromwell.spec import CLAIM_LABEL, NAME_LABEL, REQUEST_LABEL, STORE_LABEL, store_id
from pfcon.compute.signing import Signer
from pfcon.errors import Absent, Conflict
from pfcon.models import JobSpec, parse_engine_name

_log = logging.getLogger(__name__)

LAG = 10.0  # seconds until a new workflow is certainly listed: Cromwell updates its lists every second or two
LOST = 180.0  # seconds after which a job without a known workflow counts as never received by Cromwell
POLL = 0.2  # seconds


class Tracker:
    """Finds workflows. All methods raise what CromwellCalls raises, and OSError.

    root: the path of storeBase on the compute nodes. minutes: the time limit of jobs. lag: seconds, see LAG.
    """

    def __init__(
        self,
        claims: Claims,
        calls: Callable[[], CromwellCalls],
        signer: Signer,
        *,
        root: PurePosixPath,
        minutes: int,
        lag: float,
    ) -> None:
        self._claims = claims
        self._signer = signer
        self._calls = calls
        self._root = root
        self._minutes = minutes
        self._lag = lag

    def known(self, name: str) -> Claim | None:
        """Return the claim of a job; None if the job does not exist.

        If the claim is lost, but Cromwell still knows the workflow, a new claim is created, with an unknown command.
        """
        claim = self._claims.get(name)
        if claim is not None:
            return claim
        wanted = {NAME_LABEL: name, STORE_LABEL: store_id(self._root)}
        since = datetime.fromtimestamp(time.time() - REMEMBERED, UTC)
        for found in self._calls().find(wanted, since.isoformat(timespec="milliseconds")):
            token, request = found.labels.get(CLAIM_LABEL, ""), found.labels.get(REQUEST_LABEL, "")
            if not self._signer.has_signed(name, request):
                continue  # submitted by another user of Cromwell who knows the labels
            if token and not self._claims.is_removed(token):
                _log.warning("job %s was found in Cromwell by its labels: its claim in storeBase is lost", name)
                spec = JobSpec(name, *parse_engine_name(name), image="", argv=(), request=request)
                with contextlib.suppress(Conflict):  # another process has found it, too
                    self._claims.take(spec, token, self._minutes, found.id)
                return self._claims.get(name)
        return None

    def get(self, name: str, mine: Mine = anyone) -> Claim:
        """Return the claim of a job. Raises Absent, also for a job that is not ``mine``."""
        claim = self.known(name)
        if claim is None:
            raise Absent(f"there is no job {name} in Cromwell")
        spec = claim.spec
        require_mine(name, spec.request, mine, service=spec.service, ended=lambda: self._has_ended(claim))
        return claim

    def _has_ended(self, claim: Claim) -> bool:
        with contextlib.suppress(Absent):  # Cromwell has forgotten it
            return state.has_ended(self.word(claim, claim.workflow))
        return False

    def workflow(self, claim: Claim, *, wait: bool = False) -> str:
        """Return the id of a job's workflow; ``""`` if it does not exist yet.

        If it was not recorded (after a crash, or without an answer), Cromwell is searched for the claim's token.
        ``wait``: repeat that until Cromwell would list an existing workflow.
        """
        while not (workflow := claim.workflow):
            listed = self._must_be_listed(claim)  # before the request, which may take long
            if found := self._calls().find({CLAIM_LABEL: claim.token}):
                claim.set_workflow(found[0].id)
                return found[0].id
            if not wait or listed:
                return ""
            time.sleep(POLL)
        return workflow

    def word(self, claim: Claim, workflow: str) -> str:
        """Return Cromwell's status of a workflow; ``""`` if it is not listed yet. Raises Absent if it should be."""
        listed = self._must_be_listed(claim)  # before the request, which may take long
        try:
            return self._calls().status(workflow) if workflow else ""
        except Absent:
            if listed:
                raise
            return ""

    def _must_be_listed(self, claim: Claim) -> bool:
        """Return whether Cromwell would list the job's workflow by now, if it exists."""
        return time.time() - claim.submission()[1] > self._lag
