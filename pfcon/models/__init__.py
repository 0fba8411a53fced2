"""The shared data types of the project. Every module may import them; they import only ``pfcon.errors``."""

from pfcon.models.identity import JID_MAX_LENGTH, JobId, JobKind, parse_engine_name
from pfcon.models.info import JobInfo, JobStatus, RunDetails
from pfcon.models.requests import CopyRequest, InputRequest, JobRequest, PluginType, UploadRequest
from pfcon.models.spec import INCOMING, LINK_SUFFIX, OUTGOING, DataPaths, JobSpec, Mount, Resources, Secret, User

__all__ = [
    "INCOMING",
    "JID_MAX_LENGTH",
    "LINK_SUFFIX",
    "OUTGOING",
    "CopyRequest",
    "DataPaths",
    "InputRequest",
    "JobId",
    "JobInfo",
    "JobKind",
    "JobRequest",
    "JobSpec",
    "JobStatus",
    "Mount",
    "PluginType",
    "Resources",
    "RunDetails",
    "Secret",
    "UploadRequest",
    "User",
    "parse_engine_name",
]
