"""The codes of reasons: the ``reason`` of a job in answers, records and events."""

from enum import StrEnum


class Reason(StrEnum):
    """Why a job has failed, or can't start yet. Released codes keep their text: clients and records contain it."""

    # its program
    EXIT_CODE = "ExitCode"
    SIGNAL = "Signal"
    OUT_OF_MEMORY = "OutOfMemory"
    TIME_LIMIT = "TimeLimit"
    TOO_MANY_PROCESSES = "TooManyProcesses"
    DISK_FULL = "DiskFull"
    COMMAND_NOT_FOUND = "CommandNotFound"
    NOT_EXECUTABLE = "NotExecutable"
    WRONG_ARCHITECTURE = "WrongArchitecture"
    ARGUMENT_TOO_LONG = "ArgumentTooLong"
    # its image
    IMAGE_NOT_FOUND = "ImageNotFound"
    IMAGE_REFUSED = "ImageRefused"
    INVALID_IMAGE_NAME = "InvalidImageName"
    IMAGE_CORRUPT = "ImageCorrupt"
    IMAGE_FAILED = "ImageFailed"
    REGISTRY_UNREACHABLE = "RegistryUnreachable"
    REGISTRY_LIMIT = "RegistryLimit"
    # its place on the engine
    UNSCHEDULABLE = "Unschedulable"
    QUOTA_EXCEEDED = "QuotaExceeded"
    NODE_LOST = "NodeLost"
    EVICTED = "Evicted"
    PREEMPTED = "Preempted"
    # who ended it
    CANCELLED = "Cancelled"
    STOPPED_OUTSIDE = "StoppedOutside"
    REMOVED_OUTSIDE = "RemovedOutside"
    INTERRUPTED = "Interrupted"
    # its data
    INPUT_MISSING = "InputMissing"
    LINK_REFUSED = "LinkRefused"
    OUTPUT_UNWRITABLE = "OutputUnwritable"
    STORE_UNREACHABLE = "StoreUnreachable"
    # its engine
    ENGINE_SETUP = "EngineSetup"
    ENGINE_FAULT = "EngineFault"
    END_UNKNOWN = "EndUnknown"
    INTERNAL_ERROR = "InternalError"
