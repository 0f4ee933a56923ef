"""Waiting for what the product does by itself."""

import time
from collections.abc import Callable
from typing import TypeVar

from finops.domain.errors import FinOpsError
from finops.local.errors import LoadError

POLL = 0.5  # seconds between two looks

T = TypeVar("T")


def waited_for(
    look: Callable[[], T | None],
    seconds: float,
    otherwise: str,
    error: type[FinOpsError] = LoadError,
) -> T:
    """What *look* finds, once it finds something; it looks once at least, for so many *seconds*.

    Raises *error*, saying what is the matter *otherwise*.
    """
    deadline = time.monotonic() + seconds
    while (found := look()) is None:
        if time.monotonic() > deadline:
            raise error(otherwise)
        time.sleep(POLL)
    return found


def wait_until(
    is_so: Callable[[], bool],
    seconds: float,
    otherwise: str,
    error: type[FinOpsError] = LoadError,
) -> None:
    """The same, until something is so."""
    waited_for(lambda: is_so() or None, seconds, otherwise, error)
