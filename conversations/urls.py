"""Addresses of the chat pages."""

from django.urls import path

from . import picture_views, receipt_views, run_views, transcript_views, views

app_name = "conversations"

urlpatterns = [
    path("", views.conversation_list, name="list"),
    path("new/", views.start, name="start"),
    path("import/", transcript_views.import_file, name="import"),
    path("pictures/", picture_views.pictures, name="pictures"),
    path("pictures/<uuid:pk>/remove/", picture_views.remove, name="remove_picture"),
    path("<uuid:pk>/", views.chat, name="chat"),
    path("<uuid:pk>/export.json", transcript_views.export, {"kind": "json"}, name="export_json"),
    path("<uuid:pk>/export.md", transcript_views.export, {"kind": "md"}, name="export_markdown"),
    path("<uuid:pk>/stop/", views.stop, name="stop"),
    path("<uuid:pk>/rename/", views.rename, name="rename"),
    path("<uuid:pk>/archive/", views.archive, name="archive"),
    path("<uuid:pk>/unarchive/", views.unarchive, name="unarchive"),
    path("<uuid:pk>/delete/", views.delete, name="delete"),
    path("<uuid:pk>/runs/", run_views.run, name="run"),
    path("<uuid:pk>/runs/<uuid:execution_pk>/", run_views.run_card, name="run_card"),
    path("<uuid:pk>/runs/<uuid:execution_pk>/stop/", run_views.stop_run, name="stop_run"),
    path("<uuid:pk>/messages/<uuid:message_pk>/", views.message, name="message"),
    path("<uuid:pk>/messages/<uuid:message_pk>/edit/", views.edit_message, name="edit_message"),
    path("<uuid:pk>/messages/<uuid:message_pk>/regenerate/", views.regenerate, name="regenerate"),
    path("<uuid:pk>/messages/<uuid:message_pk>/branch/", transcript_views.branch, name="branch"),
    path("<uuid:pk>/messages/<uuid:message_pk>/rate/", views.rate, name="rate"),
    path("<uuid:pk>/messages/<uuid:message_pk>/why/", views.why, name="why"),
    path("<uuid:pk>/memory/", views.switch_memory, name="memory"),
    path("<uuid:pk>/messages/<uuid:message_pk>/receipts/", receipt_views.receipts, name="receipts"),
    path(
        "<uuid:pk>/messages/<uuid:message_pk>/receipts/<int:receipt_pk>/",
        receipt_views.change_receipt,
        name="change_receipt",
    ),
    path("<uuid:pk>/messages/<uuid:message_pk>/versions/", views.versions, name="versions"),
    path("<uuid:pk>/messages/<uuid:message_pk>/sources/<int:number>/", views.source, name="source"),
]
