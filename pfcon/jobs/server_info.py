"""What clients can read about a service."""

from typing import Annotated, TypedDict

from pfcon import __version__
from pfcon.about import About
from pfcon.jobs.context import JobContext


class ServerInfo(TypedDict):
    """The service, its storage and its engine. A storage may add texts of its own, such as the address of its store."""

    server_version: str
    pfcon_innetwork: Annotated[bool, About("whether inputs and outputs are paths of users' files, and not zips")]
    storage_env: Annotated[str, About("the name of the storage")]
    container_env: Annotated[str, About("the name of the engine")]
    compute_volume_type: str


class StagedServerInfo(ServerInfo):
    """Also: which jobs a client of the staged interface must post."""

    requires_copy_job: Annotated[bool, About("whether a copy job must succeed before the plugin job is posted")]
    requires_upload_job: Annotated[bool, About("whether an upload job must be posted for the outputs")]


def server_info(context: JobContext) -> ServerInfo:
    """Return the server information for clients of the synchronous interface."""
    known: ServerInfo = {
        "server_version": __version__,
        "pfcon_innetwork": context.storage.innetwork,
        "storage_env": context.storage.name,
        "container_env": context.options.engine,
        "compute_volume_type": context.options.volume_type,
    }
    known.update(context.storage.server_info)  # type: ignore[typeddict-item]  # keys of the storage's own
    return known


def staged_server_info(context: JobContext) -> StagedServerInfo:
    """Return the server information for clients of the staged interface."""
    return {
        **server_info(context),
        "requires_copy_job": context.storage.requires_copy_job,
        "requires_upload_job": context.storage.requires_upload_job,
    }
