"""Addresses of the transfer pages."""

from django.urls import path

from .views import domains, mappings, sources, tasks

app_name = "transfer"

urlpatterns = [
    path("", domains.domain_list, name="list"),
    path("domains/new/", domains.add, name="domain_add"),
    path("domains/import/", domains.import_file, name="import"),
    path("domains/<uuid:pk>/", domains.detail, name="domain"),
    path("domains/<uuid:pk>/export/", domains.export, name="export"),
    path("domains/<uuid:pk>/delete/", domains.delete, name="domain_delete"),
    path("domains/<uuid:pk>/concepts/new/", domains.concept_add, name="concept_add"),
    path("concepts/<uuid:pk>/", domains.concept, name="concept"),
    path("concepts/<uuid:pk>/edit/", domains.concept_edit, name="concept_edit"),
    path("concepts/<uuid:pk>/delete/", domains.concept_delete, name="concept_delete"),
    path("sources/", sources.source_list, name="sources"),
    path("sources/new/<slug:kind>/", sources.add, name="source_add"),
    path("sources/<uuid:pk>/", sources.detail, name="source"),
    path("sources/<uuid:pk>/edit/", sources.edit, name="source_edit"),
    path("sources/<uuid:pk>/sync/", sources.sync, name="source_sync"),
    path("sources/<uuid:pk>/switch/", sources.switch, name="source_switch"),
    path("sources/<uuid:pk>/delete/", sources.delete, name="source_delete"),
    path("mappings/", mappings.review, name="mappings"),
    path("mappings/propose/", mappings.propose, name="propose"),
    path("mappings/accept-surest/", mappings.accept_surest, name="accept_surest"),
    path("mappings/<uuid:pk>/decide/", mappings.decide, name="decide"),
    path("mappings/<uuid:pk>/edit/", mappings.edit, name="mapping_edit"),
    path("tasks/", tasks.task_list, name="tasks"),
    path("tasks/new/<slug:task_type>/", tasks.add, name="task_add"),
    path("tasks/<uuid:pk>/", tasks.detail, name="task"),
    path("tasks/<uuid:pk>/delete/", tasks.delete, name="task_delete"),
]
