"""Tools, their rules and the ledger of their executions (the seed's section 5.3)."""

from .approvals import QUESTION, Approval, ApprovalStatus
from .executions import (
    LEGAL_MOVES,
    ToolExecution,
    ToolExecutionStatus,
)
from .policies import Approver, PolicyEffect, RanIn, ToolPolicy
from .sources import SourceKind, ToolSource
from .tools import ExecEnv, Tool, ToolKind, ToolParameter

__all__ = [
    "LEGAL_MOVES",
    "QUESTION",
    "Approval",
    "ApprovalStatus",
    "Approver",
    "ExecEnv",
    "PolicyEffect",
    "RanIn",
    "SourceKind",
    "Tool",
    "ToolExecution",
    "ToolExecutionStatus",
    "ToolKind",
    "ToolParameter",
    "ToolPolicy",
    "ToolSource",
]
