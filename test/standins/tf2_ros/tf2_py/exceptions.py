"""The errors of tf2; like those of its extension they call themselves members of `tf2`."""


class TransformException(Exception):  # noqa: N818
    """A transform cannot be told."""


class LookupException(TransformException):
    """A frame has never been heard of."""


class ConnectivityException(TransformException):
    """Two frames belong to different trees."""


class ExtrapolationException(TransformException):
    """The time lies outside what the buffer holds."""


class InvalidArgumentException(TransformException):
    """A frame's name is empty or starts with a slash."""


class TimeoutException(TransformException):
    """Waiting took too long; the buffer itself does not raise it."""


for _error in (TransformException, *TransformException.__subclasses__()):
    _error.__module__ = "tf2"
