"""What can go wrong with an engine."""


class EngineError(Exception):
    """The engine said no; its own words are the message."""


class EngineUnavailable(EngineError):
    """No engine answers; whether it did what it was asked is not known, so ask again later."""


class ImageMissing(EngineError):
    """The image is not on this host."""


class NoSuchInstance(EngineError):
    """There is no container of this instance on this host."""
