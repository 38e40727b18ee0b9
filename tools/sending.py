"""A whole result as an answer: the row's own, or the file of a large one."""

from pathlib import PurePosixPath

from django.core.files.storage import default_storage
from django.http import HttpRequest, HttpResponseBase, JsonResponse
from django.utils.translation import gettext as _

from agi_site.lib.downloads import StoredFile, send_source
from agi_site.lib.problems import NotFound

from .models import ToolExecution


def send_result(request: HttpRequest, execution: ToolExecution) -> HttpResponseBase:
    """The result as an attachment, never as a page of this site; raises NotFound where there is none."""
    if execution.status != "completed":
        raise NotFound(_("This run has no result."), code="no_result")
    if execution.result_file:
        return _file(request, execution.result_file)
    answer = JsonResponse(execution.result, safe=False, json_dumps_params={"ensure_ascii": False})
    answer.headers["X-Content-Type-Options"] = "nosniff"
    answer.headers["Content-Security-Policy"] = "sandbox; default-src 'none'"
    answer.headers["Cache-Control"] = "private, no-store"
    return answer


def _file(request: HttpRequest, name: str) -> HttpResponseBase:
    try:
        file = default_storage.open(name)
        modified = default_storage.get_modified_time(name)
    except FileNotFoundError as gone:
        raise NotFound(_("The file of this result is gone."), code="no_result") from gone
    return send_source(
        request,
        StoredFile(file),
        name=PurePosixPath(name).name,
        kind="text/plain; charset=utf-8" if name.endswith(".txt") else "application/json",
        # what is forgotten goes out of a result, and names come back
        version=f"{PurePosixPath(name).stem}-{modified.timestamp():.6f}",
        modified=modified,
    )
