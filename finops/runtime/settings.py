"""What a door is told about the place it runs in."""

import os
from datetime import timedelta


class MissingSettingError(RuntimeError):
    """A door was deployed without a variable that it needs."""


def text(name: str) -> str:
    """The environment variable *name*; MissingSettingError names the one that is not set."""
    try:
        return os.environ[name]
    except KeyError:
        raise MissingSettingError(f"the environment variable {name} is not set") from None


def number(name: str, default: int) -> int:
    """The environment variable *name* as a whole number."""
    return int(os.environ.get(name, default))


def words(name: str) -> tuple[str, ...]:
    """The environment variable *name* as words; none where it is not set."""
    return tuple(os.environ.get(name, "").split())


def seconds(name: str, default: int) -> timedelta:
    """The environment variable *name*, in seconds, as a span of time."""
    return timedelta(seconds=number(name, default))
