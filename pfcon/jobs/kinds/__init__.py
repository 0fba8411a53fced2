"""One module for each kind of job, with what is specific to it. ``KINDS`` lists all kinds."""

from collections.abc import Mapping

from pfcon.jobs.kinds.base import Kind
from pfcon.jobs.kinds.copy import CopyKind
from pfcon.jobs.kinds.delete import DeleteKind
from pfcon.jobs.kinds.plugin import PluginKind
from pfcon.jobs.kinds.upload import UploadKind
from pfcon.models import JobKind

KINDS: Mapping[JobKind, Kind] = {kind.job_kind: kind for kind in (PluginKind(), CopyKind(), UploadKind(), DeleteKind())}
