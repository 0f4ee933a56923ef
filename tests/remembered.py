"""The engine with a memory: what it made of the same bytes once, it makes again at once.

So a walk of hundreds of steps runs the real use cases without waiting for the engine, which has
tests of its own. Nothing is remembered that was not made by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

import pytest

from finops.ledger import engine, merging, reduction


class _Borrowed:
    """A part of the one database that outlines files for everybody; a merge leaves its months."""

    made: Any = None  # kept: it closes the connection when nobody knows it any more
    shared: Any = None
    lock = Lock()

    def __init__(self, limits: engine.Limits) -> None:
        self.limits = limits
        self.months: list[merging.AccountMonth] = []
        self._own: Any = None

    def __getattr__(self, name: str) -> Any:
        with _Borrowed.lock:  # two workers may be the first ones
            if _Borrowed.shared is None:
                _Borrowed.made = _connect(self.limits)
                _Borrowed.shared = _Borrowed.made.__enter__()
        if self._own is None:
            self._own = _Borrowed.shared.cursor()  # workers of a map run side by side
        return getattr(self._own, name)


_connect = engine.connect
_reduce = reduction.reduce
_merge = merging.merge
_account_months = merging.account_months
_reduced: dict[Any, tuple[Any, list[bytes]]] = {}
_merged: dict[Any, tuple[Any, Path, list[bytes], list[merging.AccountMonth]]] = {}


@contextmanager
def _borrow(limits: engine.Limits) -> Iterator[Any]:
    yield _Borrowed(limits)


def _reduce_once(connection: Any, source: Any, targets: list[Path], **told: Any) -> Any:
    content = source.path.read_bytes()
    key = (source.path.name, content, source.first_row, source.rows, len(targets), repr(told))
    if key not in _reduced:
        made = _reduce(connection, source, targets, **told)
        _reduced[key] = (made, [target.read_bytes() for target in targets])
    made, contents = _reduced[key]
    for target, content in zip(targets, contents, strict=True):
        target.write_bytes(content)
    return made


def _merge_once(connection: Any, partials: list[Path], target: Path, **told: Any) -> Any:
    key = (repr(told), *(partial.read_bytes() for partial in partials))
    if key not in _merged:
        made = _merge(connection, partials, target, **told)
        months = list(_account_months(connection))
        contents = [file.path.read_bytes() for file in made.files]
        _merged[key] = (made, target, contents, months)
    made, before, contents, connection.months = _merged[key]
    files = []
    for file, content in zip(made.files, contents, strict=True):
        path = target / file.path.relative_to(before)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        files.append(file.model_copy(update={"path": path}))
    return made.model_copy(update={"files": tuple(files)})


def remembering(patch: pytest.MonkeyPatch) -> None:
    """From here on the engine remembers."""
    patch.setattr(engine, "connect", _borrow)
    patch.setattr(reduction, "reduce", _reduce_once)
    patch.setattr(merging, "merge", _merge_once)
    patch.setattr(merging, "account_months", lambda connection: iter(connection.months))
