"""Who may use shared resources: roles decide, through the permission rows."""

from rest_framework import permissions


class RolePermissions(permissions.DjangoModelPermissions):
    """Reading shared rows needs the model's view permission, changing them the matching one."""

    perms_map = permissions.DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }
