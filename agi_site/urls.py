"""Routes: each app brings its own pages; REST hangs below /api/v1/, streams below /events/."""

from django.contrib import admin
from django.urls import include, path

from agi_site import views

urlpatterns = [
    path("", views.home, name="home"),
    path("", include("system.urls")),
    path("engine/", views.engine, name="engine"),
    path("theme/", views.set_theme, name="set_theme"),
    path("accounts/", include("accounts.urls")),
    path("conversations/", include("conversations.urls")),
    path("knowledge/", include("knowledge.urls")),
    path("memory/", include("knowledge.memory_urls")),
    path("media/", include("media.urls")),
    path("transfer/", include("transfer.urls")),
    path("sandboxes/", include("sandbox.urls")),
    path("plans/", include("planning.urls")),
    path("tools/", include("tools.urls")),
    path("approvals/", include("tools.approval_urls")),
    path("events/", include("conversations.event_urls")),
    path("events/", include("sandbox.event_urls")),
    path("events/", include("planning.event_urls")),
    path("events/", include("tools.event_urls")),
    path("api/", include("agi_site.api_urls")),
    path("admin/", admin.site.urls),
]

handler500 = "agi_site.views.server_error"
