"""The clock of the product on this machine: that of the machine, or one some way ahead or behind.

A sample month is closed in the sample's own time. The doors look at the same file at every call.
"""

from datetime import UTC, datetime
from math import ceil
from pathlib import Path

FILE = "clock"


def file(folder: Path) -> Path:
    """Where the local AWS in *folder* says by how many seconds its doors are ahead."""
    return folder.resolve() / FILE


def now(folder: Path) -> datetime:
    """What the doors take for this moment."""
    return datetime.fromtimestamp(datetime.now(UTC).timestamp() + _ahead(folder), UTC)


def put(folder: Path, moment: datetime) -> None:
    """From now on it is *moment*, and time goes on from there."""
    ahead = (moment - datetime.now(UTC)).total_seconds()
    # Up to the next millisecond: it is never earlier than what was said.
    _write(folder, f"{ceil(1000 * ahead + 0.5) / 1000:.3f}")


def put_right(folder: Path) -> None:
    """From now on the time is that of the machine."""
    file(folder).unlink(missing_ok=True)


def is_right(folder: Path) -> bool:
    """Whether the doors go by the clock of the machine."""
    return not file(folder).exists()


def _ahead(folder: Path) -> float:
    return 0.0 if is_right(folder) else float(file(folder).read_text())


def _write(folder: Path, said: str) -> None:
    target = file(folder)
    target.parent.mkdir(parents=True, exist_ok=True)
    part = target.with_suffix(".part")
    part.write_text(said)
    part.replace(target)  # a door that looks meanwhile finds one or the other, and never half
