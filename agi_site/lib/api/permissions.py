"""Who may use shared resources: roles decide, through the permission rows."""

from rest_framework import permissions


class RolePermissions(permissions.DjangoModelPermissions):
    """Reading shared rows needs the model's view permission, changing them the matching one."""

    perms_map = permissions.DjangoModelPermissions.perms_map | {
        "GET": ["%(app_label)s.view_%(model_name)s"],
        "HEAD": ["%(app_label)s.view_%(model_name)s"],
    }


class RoleMayChange(RolePermissions):
    """For verbs on a shared row: a POST that changes the row needs the permission to change it."""

    perms_map = RolePermissions.perms_map | {"POST": ["%(app_label)s.change_%(model_name)s"]}
