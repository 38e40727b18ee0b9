"""REST: one router for all resources, collected from each app's `api.py`."""

from importlib import import_module
from typing import Any

from django.conf import settings
from django.urls import include, path, re_path
from django.utils.module_loading import module_has_submodule
from drf_spectacular.views import SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from accounts.api_urls import urlpatterns as auth_urlpatterns
from agi_site.api_docs import PageSchemaView, SchemaView
from agi_site.problem_pages import no_resource

router = SimpleRouter()
more_urlpatterns: list[Any] = []
for label in settings.INSTALLED_APPS:
    package = import_module(label.split(".")[0]) if "." not in label else None
    if package is not None and module_has_submodule(package, "api"):
        rooms = import_module(f"{label}.api")
        for prefix, viewset in getattr(rooms, "router_entries", []):
            router.register(prefix, viewset)
        more_urlpatterns += getattr(rooms, "url_entries", [])

urlpatterns = [
    path("schema/", SchemaView.as_view(), name="api_schema"),
    path("docs/", SpectacularSwaggerSplitView.as_view(url_name="api_docs_schema"), name="api_docs"),
    path("docs/schema/", PageSchemaView.as_view(), name="api_docs_schema"),
    path("v1/auth/", include(auth_urlpatterns)),
    path("v1/", include(more_urlpatterns)),
    path("v1/", include(router.urls)),
    re_path(r"^", no_resource, name="api_no_resource"),
]
