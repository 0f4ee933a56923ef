"""The engine with a memory: what it made of the same bytes once, it makes again at once.

So a walk of hundreds of steps runs the real use cases without waiting for the engine, which has
tests of its own. Nothing is remembered that was not made by it.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from finops.ledger import engine, merging, reduction


class _Lazy:
    """A connection that is made once somebody asks it something."""

    def __init__(self, limits: engine.Limits) -> None:
        self._limits = limits
        self._made: Any = None
        self._opened: Any = None
        self.months: list[merging.AccountMonth] | None = None

    def __getattr__(self, name: str) -> Any:
        if self._opened is None:
            self._made = _connect(self._limits)
            self._opened = self._made.__enter__()
        return getattr(self._opened, name)

    def close(self) -> None:
        if self._made is not None:
            self._made.__exit__(None, None, None)


_connect = engine.connect
_reduce = reduction.reduce
_merge = merging.merge
_account_months = merging.account_months
_reduced: dict[Any, tuple[reduction.Reduced, list[bytes]]] = {}
_merged: dict[Any, tuple[merging.Merged, Path, list[bytes], list[merging.AccountMonth]]] = {}


@contextmanager
def _lazily(limits: engine.Limits) -> Iterator[Any]:
    connection = _Lazy(limits)
    try:
        yield connection
    finally:
        connection.close()


def _reduce_once(connection: Any, source: Any, targets: list[Path], **told: Any) -> Any:
    asked = (source.path.name, source.path.read_bytes(), source.first_row, source.rows)
    key = (*asked, len(targets), repr(told))
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
    patch.setattr(engine, "connect", _lazily)
    patch.setattr(reduction, "reduce", _reduce_once)
    patch.setattr(merging, "merge", _merge_once)
    patch.setattr(merging, "account_months", lambda connection: iter(connection.months))
