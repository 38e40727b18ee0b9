"""REST resources of sandboxes; what can be done with them are verbs below them."""

from .executions import SandboxExecutionViewSet
from .files import SandboxFileViewSet
from .hosts import SandboxHostViewSet, SandboxInstanceViewSet
from .images import SandboxImageBuildViewSet, SandboxImageViewSet
from .parts import (
    SandboxEventViewSet,
    SandboxResourceViewSet,
    SandboxRunViewSet,
    SandboxSecurityViewSet,
    SandboxWorkspaceViewSet,
)
from .ports import SandboxPortViewSet
from .quarantine import SandboxQuarantineViewSet
from .sandboxes import SandboxViewSet
from .snapshots import SandboxSnapshotViewSet
from .templates import SandboxTemplateViewSet

router_entries = [
    ("sandboxes", SandboxViewSet),
    ("sandbox-workspaces", SandboxWorkspaceViewSet),
    ("sandbox-executions", SandboxExecutionViewSet),
    ("sandbox-resources", SandboxResourceViewSet),
    ("sandbox-securities", SandboxSecurityViewSet),
    ("sandbox-files", SandboxFileViewSet),
    ("sandbox-ports", SandboxPortViewSet),
    ("sandbox-templates", SandboxTemplateViewSet),
    ("sandbox-events", SandboxEventViewSet),
    ("sandbox-runs", SandboxRunViewSet),
    ("sandbox-snapshots", SandboxSnapshotViewSet),
    ("sandbox-quarantine", SandboxQuarantineViewSet),
    ("sandbox-hosts", SandboxHostViewSet),
    ("sandbox-instances", SandboxInstanceViewSet),
    ("sandbox-images", SandboxImageViewSet),
    ("sandbox-image-builds", SandboxImageBuildViewSet),
]
