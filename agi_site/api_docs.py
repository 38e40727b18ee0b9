"""The description of the REST door: for programs, and for the page that shows it."""

from threading import Lock
from typing import Any, ClassVar

from django.http import HttpResponse
from django.utils.translation import get_language
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView

_making = Lock()  # one for all: the settings of the one that is being made hold for the whole process


class SchemaView(SpectacularAPIView):
    """The OpenAPI document; it is made once for each language and form, as making it takes seconds."""

    made: ClassVar[dict[tuple[str | None, str], HttpResponse]] = {}

    @extend_schema(exclude=True)
    def get(self, request: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        with _making:  # who comes meanwhile waits for the same document
            return super().get(request, *args, **kwargs)

    def _get_schema_response(self, request: Any) -> HttpResponse:
        renderer = request.accepted_renderer
        key = (get_language(), renderer.media_type)
        if key not in self.made:
            self.made[key] = self._rendered(request, renderer)
        kept = self.made[key]
        return HttpResponse(kept.content, headers=dict(kept.items()))

    def _rendered(self, request: Any, renderer: Any) -> HttpResponse:
        response = super()._get_schema_response(request)
        content = renderer.render(response.data, renderer.media_type, self.get_renderer_context())
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        headers = {"Content-Disposition": response["Content-Disposition"]}
        return HttpResponse(content, f"{renderer.media_type}{charset}", headers=headers)


class PageSchemaView(SchemaView):
    """The same in OpenAPI 3.0: Swagger UI needs five times as long to take in 3.1."""

    custom_settings = {"OAS_VERSION": "3.0.3"}
    made: ClassVar[dict[tuple[str | None, str], HttpResponse]] = {}
