"""What a rated tool run teaches: which arguments, on which tool, gave which result."""

from learning.registry import Example, example_of

from .models import ToolExecution


@example_of("tool_execution")
def tool_usage(row: ToolExecution) -> Example | None:
    """An example of a run that has ended."""
    if row.completed_at is None:
        return None
    return Example(
        type="tool_usage",
        input_data={"tool": row.tool.name, "arguments": row.parameters},
        output_data={"status": str(row.status), "result": row.result, "error": row.error_message},
    )
