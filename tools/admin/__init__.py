"""Admin of tools: the catalogue, the policy, consent, and the ledger."""

from . import approvals, executions, policies, sources, tools

__all__ = ["approvals", "executions", "policies", "sources", "tools"]
