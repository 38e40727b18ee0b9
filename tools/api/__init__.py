"""REST of tools: what there is, running it, the ledger, consent, and the policy."""

from django.urls import path

from .access import BareExplainView, ExplainView
from .approvals import ApprovalViewSet
from .executions import ToolExecutionViewSet
from .policies import ToolPolicyViewSet
from .sources import ToolSourceViewSet
from .tools import ToolParameterViewSet, ToolViewSet

router_entries = [
    ("tools", ToolViewSet),
    ("tool-parameters", ToolParameterViewSet),
    ("tool-executions", ToolExecutionViewSet),
    ("tool-policies", ToolPolicyViewSet),
    ("approvals", ApprovalViewSet),
    ("tool-sources", ToolSourceViewSet),
]
url_entries = [
    path("access/explain/", ExplainView.as_view(), name="access_explain"),
    path("access/explain", BareExplainView.as_view(), name="access_explain_bare"),
]
