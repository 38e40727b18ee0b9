"""Images for sandboxes made from this machine's own files, where there is no registry to build them from."""

from .recipes import RECIPES
from .tree import Tree

__all__ = ["RECIPES", "Tree"]
