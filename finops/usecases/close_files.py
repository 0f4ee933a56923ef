"""The files of closed months, for who may have them: all of them, or a business unit's own rows."""

from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, may, must_reach
from finops.domain.close_files import FileSeal
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import NotFoundError
from finops.domain.month_closes import MonthClose
from finops.domain.people import Person
from finops.domain.places import close_file
from finops.usecases.close_month import closed
from finops.usecases.ports import Audit, CloseFiles, Closes

SECONDS = 300  # how long a link may be followed


class SeenFiles(NamedTuple):
    """A closed month, and those of its files that somebody may have."""

    close: MonthClose
    files: tuple[FileSeal, ...]


class FileLink(NamedTuple):
    """A file of a closed month, and where it may be read for so many *seconds*."""

    seal: FileSeal
    url: str
    seconds: int = SECONDS


def seen_files(month: str, *, by: Person, closes: Closes) -> SeenFiles:
    """The files in scope. Raises NotFoundError for a month that is not closed: it has none yet."""
    must_reach(by, Action.SEE_CLOSE_FILES)
    close = closed(month, closes)
    return SeenFiles(close, files_of(close, by))


def files_of(close: MonthClose, by: Person) -> tuple[FileSeal, ...]:
    """Those of a close's files that *by* may have."""
    return tuple(
        seal
        for seal in close.files
        if may(by, Action.SEE_CLOSE_FILES, ENTERPRISE if seal.unit is None else seal.unit)
    )


def file_link(
    month: str, name: str, *, by: Person, closes: Closes, files: CloseFiles, audit: Audit, act: Act
) -> FileLink:
    """A link to a file, for five minutes; that somebody asked for it is on record.

    Raises NotFoundError, also for a file that is out of scope.
    """
    seen = seen_files(month, by=by, closes=closes)
    seal = next((one for one in seen.files if one.name == name), None)
    if seal is None:
        raise NotFoundError(f"{month} has no file {name} in your financial scope")
    told = {"month": month, "name": name, "sha256": seal.sha256}
    deed = Deed(action="Download", element=seal.unit or ENTERPRISE)
    audit.note(f"close-file#{month}#{name}", told, deed, act)
    key = close_file(month, seal.name, seal.sha256)
    return FileLink(seal, files.link(key, f"{month}-{name}", SECONDS))
