"""The variables of the storages, and the limits on what clients send."""

from pfcon.settings import kinds
from pfcon.settings.model import StorageName, SwiftAuth
from pfcon.settings.variable import Variable

_SWIFT = (StorageName.SWIFT,)
_S3 = (StorageName.S3,)
_ZIP = (StorageName.ZIPFILE,)
_REQUIRED = "required in production"

PFCON_INNETWORK = Variable(
    "PFCON_INNETWORK",
    kinds.boolean(),
    "Whether inputs are fetched from a storage near this service, rather than sent by the client.",
    default="false",
)
STORAGE_ENV = Variable(
    "STORAGE_ENV",
    kinds.choice(StorageName),
    "Where inputs come from and outputs go. `zipfile` goes with `PFCON_INNETWORK=false`, all others with `true`.",
    note="`swift` in-network, else `zipfile`",
)
STOREBASE_MOUNT = Variable(
    "STOREBASE_MOUNT",
    kinds.directory(),
    "Where this service sees storeBase, the directory that holds the jobs' data.",
    default="/var/local/storeBase",
)
PFCON_PASSABLE = Variable(
    "PFCON_PASSABLE",
    kinds.boolean(),
    "Whether all users may pass through jobs' directories: for engines whose root is nobody there (root_squash).",
    default="false",
)
PFCON_MAX_UPLOAD_BYTES = Variable(
    "PFCON_MAX_UPLOAD_BYTES", kinds.size(), "Largest upload.", default="256 GiB", storages=_ZIP
)
PFCON_MAX_UNPACKED_BYTES = Variable(
    "PFCON_MAX_UNPACKED_BYTES",
    kinds.size(),
    "Largest sum of an upload's unpacked files, with what links in it stand for.",
    default="1 TiB",
    storages=_ZIP,
)
PFCON_MAX_FILES = Variable(
    "PFCON_MAX_FILES",
    kinds.number(0, 10**12),
    "Most files and directories of an upload, and of what links in it stand for; 0 is no limit.",
    default="2000000",
    storages=_ZIP,
)
PFCON_MAX_RATIO = Variable(
    "PFCON_MAX_RATIO",
    kinds.number(0, 10**6),
    "Most bytes that a byte of an upload may unpack to, with what links in it stand for; 0 is no limit.",
    default="250",
    storages=_ZIP,
)
PFCON_MIN_FREE_BYTES = Variable(
    "PFCON_MIN_FREE_BYTES",
    kinds.size(),
    "Free space of storeBase that uploads and inputs never use up; it is reserved before it is used.",
    default="256 MiB",
)
PFCON_MAX_FORM_BYTES = Variable(
    "PFCON_MAX_FORM_BYTES", kinds.size(low=64 * 1024), "Largest request, without its zip.", default="4 MiB"
)
SWIFT_AUTH_URL = Variable(
    "SWIFT_AUTH_URL",
    kinds.url(),
    "Where Swift's tokens come from; clients are told.",
    development="http://swift_service:8080/auth/v1.0",
    note=_REQUIRED,
    storages=_SWIFT,
)
SWIFT_USERNAME = Variable(
    "SWIFT_USERNAME",
    kinds.text("one line of text (ACCOUNT:USER)"),
    "Swift's user.",
    development="chris:chris1234",
    note=_REQUIRED,
    storages=_SWIFT,
    from_file=True,
)
SWIFT_KEY = Variable(
    "SWIFT_KEY",
    kinds.text("one line of text"),
    "Swift's key.",
    development="testing",
    note=_REQUIRED + "; a fixed one in development",
    storages=_SWIFT,
    secret=True,
)
SWIFT_CONTAINER_NAME = Variable(
    "SWIFT_CONTAINER_NAME",
    kinds.text("at most 256 characters without '/'", r"[^/\x00-\x1f\x7f]{1,256}"),
    "Container of the users' data; development creates it.",
    development="users",
    note=_REQUIRED,
    storages=_SWIFT,
)
SWIFT_AUTH_VERSION = Variable(
    "SWIFT_AUTH_VERSION",
    kinds.choice(SwiftAuth),
    "Who gives Swift's tokens: Swift itself (1), or Keystone's interface 2 or 3, which needs `pip install "
    "pfcon[keystone]`; `SWIFT_KEY` is then the password.",
    default="1",
    storages=_SWIFT,
)
SWIFT_PROJECT_NAME = Variable(
    "SWIFT_PROJECT_NAME",
    kinds.text("one line of text"),
    "Keystone's project (of old: tenant).",
    note="required with auth version 2 or 3",
    storages=_SWIFT,
)
SWIFT_PROJECT_DOMAIN_NAME = Variable(
    "SWIFT_PROJECT_DOMAIN_NAME",
    kinds.text("one line of text"),
    "Domain of the project, with auth version 3.",
    note="`Default` with auth version 3",
    storages=_SWIFT,
)
SWIFT_USER_DOMAIN_NAME = Variable(
    "SWIFT_USER_DOMAIN_NAME",
    kinds.text("one line of text"),
    "Domain of the user, with auth version 3.",
    note="`Default` with auth version 3",
    storages=_SWIFT,
)
SWIFT_REGION_NAME = Variable(
    "SWIFT_REGION_NAME",
    kinds.text("one line of text"),
    "Region of Keystone's catalog; without one, its first.",
    storages=_SWIFT,
)
S3_ENDPOINT_URL = Variable(
    "S3_ENDPOINT_URL",
    kinds.url(),
    "The S3 service; clients are told.",
    development="http://s3-service:9000",
    note=_REQUIRED,
    storages=_S3,
)
S3_ACCESS_KEY = Variable(
    "S3_ACCESS_KEY",
    kinds.text("one line of text"),
    "S3's access key.",
    development="minioadmin",
    note=_REQUIRED + "; a fixed one in development",
    storages=_S3,
    secret=True,
)
S3_SECRET_KEY = Variable(
    "S3_SECRET_KEY",
    kinds.text("one line of text"),
    "S3's secret key.",
    development="minioadmin",
    note=_REQUIRED + "; a fixed one in development",
    storages=_S3,
    secret=True,
)
S3_REGION_NAME = Variable(
    "S3_REGION_NAME",
    kinds.text("letters, digits and '-'", r"[A-Za-z0-9-]+"),
    "S3's region, part of what requests sign.",
    development="us-east-1",
    note=_REQUIRED,
    storages=_S3,
)
S3_BUCKET_NAME = Variable(
    "S3_BUCKET_NAME",
    kinds.text("3 to 255 letters, digits, '.', '_' and '-'", r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]"),
    "Bucket of the users' data; development creates it.",
    development="users",
    note=_REQUIRED,
    storages=_S3,
)

SWIFT = (SWIFT_AUTH_URL, SWIFT_USERNAME, SWIFT_KEY, SWIFT_CONTAINER_NAME)
KEYSTONE = (SWIFT_PROJECT_NAME, SWIFT_REGION_NAME)
"""For auth versions 2 and 3."""
KEYSTONE_DOMAINS = (SWIFT_PROJECT_DOMAIN_NAME, SWIFT_USER_DOMAIN_NAME)
"""For auth version 3."""
S3 = (S3_ENDPOINT_URL, S3_ACCESS_KEY, S3_SECRET_KEY, S3_REGION_NAME, S3_BUCKET_NAME)
STORAGE = (
    PFCON_INNETWORK,
    STORAGE_ENV,
    STOREBASE_MOUNT,
    PFCON_PASSABLE,
    PFCON_MAX_UPLOAD_BYTES,
    PFCON_MAX_UNPACKED_BYTES,
    PFCON_MAX_FILES,
    PFCON_MAX_RATIO,
    PFCON_MIN_FREE_BYTES,
    PFCON_MAX_FORM_BYTES,
    *SWIFT,
    SWIFT_AUTH_VERSION,
    *KEYSTONE,
    *KEYSTONE_DOMAINS,
    *S3,
)
