"""A whole result as an answer: the row's own, or the file of a large one."""

from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.http import FileResponse, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from agi_site.lib.problems import NotFound

from .models import ToolExecution


def send_result(execution: ToolExecution) -> HttpResponseBase:
    """The result as an attachment, never as a page of this site; raises NotFound where there is none."""
    if execution.status != "completed":
        raise NotFound(_("This run has no result."), code="no_result")
    if not execution.result_file:
        answer: HttpResponseBase = JsonResponse(
            execution.result, safe=False, json_dumps_params={"ensure_ascii": False}
        )
    else:
        answer = _file(execution.result_file)
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _file(name: str) -> HttpResponseBase:
    try:
        file = default_storage.open(name)
    except FileNotFoundError as gone:
        raise NotFound(_("The file of this result is gone."), code="no_result") from gone
    text = name.endswith(".txt")
    return FileResponse(
        file,
        as_attachment=True,
        filename=PurePosixPath(name).name,
        content_type="text/plain; charset=utf-8" if text else "application/json",
    )
