"""Work of this app by the clock."""

from accounts.folders import remove_folders_of_gone
from system import queue

from .services import FOLDER


@queue.periodic("creative.remove_folders", every=86_400)
def remove_folders() -> None:
    """Delete the files of people who are gone."""
    remove_folders_of_gone(FOLDER)
