"""The tables of sandboxes: the seed's eight (5.9), and those beyond it (see the app's README)."""

from .executions import ExecutionCause, ExecutionKind, ExecutionStatus, SandboxExecution
from .files import (
    Direction,
    QuarantineStatus,
    SandboxFile,
    SandboxQuarantine,
    SandboxSnapshot,
    SnapshotKind,
    SnapshotStatus,
)
from .hosts import HostStatus, SandboxHost
from .instances import WAITING, InstanceStatus, SandboxInstance
from .ports import Protocol, SandboxPort
from .sandboxes import (
    ALIVE,
    ONCE,
    Sandbox,
    SandboxEvent,
    SandboxResource,
    SandboxRun,
    SandboxSecurity,
    SandboxStatus,
    SandboxWorkspace,
)
from .templates import BuildStatus, SandboxImage, SandboxImageBuild, SandboxTemplate

__all__ = [
    "ALIVE",
    "ONCE",
    "WAITING",
    "BuildStatus",
    "Direction",
    "ExecutionCause",
    "ExecutionKind",
    "ExecutionStatus",
    "HostStatus",
    "InstanceStatus",
    "Protocol",
    "QuarantineStatus",
    "Sandbox",
    "SandboxEvent",
    "SandboxExecution",
    "SandboxFile",
    "SandboxHost",
    "SandboxImage",
    "SandboxImageBuild",
    "SandboxInstance",
    "SandboxPort",
    "SandboxQuarantine",
    "SandboxResource",
    "SandboxRun",
    "SandboxSecurity",
    "SandboxSnapshot",
    "SandboxStatus",
    "SandboxTemplate",
    "SandboxWorkspace",
    "SnapshotKind",
    "SnapshotStatus",
]
