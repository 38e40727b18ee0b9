"""Addresses of the sandboxes' pages."""

from django.urls import path

from .views import executions, files, ports, sandboxes, security, snapshots, terminals, usage

app_name = "sandbox"

urlpatterns = [
    path("", sandboxes.sandbox_list, name="list"),
    path("new/", sandboxes.new, name="new"),
    path("new/<uuid:template_pk>/", sandboxes.create, name="create"),
    path("snapshots/", snapshots.outlived_list, name="outlived"),
    path("snapshots/<uuid:snapshot_pk>/new/", snapshots.new_from, name="outlived_new"),
    path("snapshots/<uuid:snapshot_pk>/download/", snapshots.download, name="outlived_download"),
    path("snapshots/<uuid:snapshot_pk>/delete/", snapshots.delete, name="outlived_delete"),
    path("<uuid:pk>/", terminals.terminal, name="detail"),
    path("<uuid:pk>/head/", sandboxes.head, name="head"),
    path("<uuid:pk>/verbs/<slug:name>/", sandboxes.verb, name="verb"),
    path("<uuid:pk>/delete/", sandboxes.delete, name="delete"),
    path("<uuid:pk>/rename/", sandboxes.rename, name="rename"),
    path("<uuid:pk>/extend/", sandboxes.extend, name="extend"),
    path("<uuid:pk>/clone/", sandboxes.clone, name="clone"),
    path("<uuid:pk>/terminals/", terminals.open_terminal, name="open_terminal"),
    path("<uuid:pk>/terminals/<uuid:execution_pk>/close/", terminals.close_terminal, name="close_terminal"),
    path("<uuid:pk>/lines/", terminals.open_lines, name="open_lines"),
    path("<uuid:pk>/files/", files.file_list, name="files"),
    path("<uuid:pk>/files/upload/", files.upload, name="file_upload"),
    path("<uuid:pk>/files/new/", files.make_folder, name="file_new"),
    path("<uuid:pk>/files/move/", files.move, name="file_move"),
    path("<uuid:pk>/files/delete/", files.delete, name="file_delete"),
    path("<uuid:pk>/files/download/", files.download, name="file_download"),
    path("<uuid:pk>/files/edit/", files.edit, name="file_edit"),
    path("<uuid:pk>/executions/", executions.execution_list, name="executions"),
    path("<uuid:pk>/executions/<uuid:execution_pk>/", executions.detail, name="execution"),
    path("<uuid:pk>/executions/<uuid:execution_pk>/cancel/", executions.cancel, name="execution_cancel"),
    path("<uuid:pk>/executions/<uuid:execution_pk>/input/", executions.send_input, name="execution_input"),
    path("<uuid:pk>/ports/", ports.port_list, name="ports"),
    path("<uuid:pk>/ports/<uuid:port_pk>/open/", ports.open_port, name="port_open"),
    path("<uuid:pk>/ports/<uuid:port_pk>/remove/", ports.remove_port, name="port_remove"),
    path("<uuid:pk>/usage/", usage.usage, name="usage"),
    path("<uuid:pk>/security/", security.security, name="security"),
    path("<uuid:pk>/snapshots/", snapshots.snapshot_list, name="snapshots"),
    path("<uuid:pk>/snapshots/<uuid:snapshot_pk>/restore/", snapshots.restore, name="snapshot_restore"),
    path("<uuid:pk>/snapshots/<uuid:snapshot_pk>/clone/", snapshots.clone_from, name="snapshot_clone"),
    path("<uuid:pk>/snapshots/<uuid:snapshot_pk>/download/", snapshots.download, name="snapshot_download"),
    path("<uuid:pk>/snapshots/<uuid:snapshot_pk>/delete/", snapshots.delete, name="snapshot_delete"),
    path("<uuid:pk>/events/", usage.event_list, name="events"),
]
