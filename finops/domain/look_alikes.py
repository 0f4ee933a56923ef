"""Look-alikes: names that are probably one, spelled twice."""

import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

MOST_COMPARED = 40_000  # pairs of names; a second or two
MOST_NAMES = 25_000  # that are compared; beyond them only case and separators are looked at
MOST_IN_A_BLOCK = 200  # names that a name is compared with because of one piece
LONGEST = 64  # letters; of longer names only case and separators are looked at
SHORT, LONG = 4, 8  # letters from which on one may differ, and two


class LookAlike(NamedTuple):
    """*name* looks like *like*, which comes before it; *distance* 0: but for case and separators."""

    name: str
    like: str
    distance: int


class LookAlikes(NamedTuple):
    """What was found; *is_whole*: every name that could be one was looked at."""

    found: tuple[LookAlike, ...]
    is_whole: bool


def look_alikes(names: Sequence[str], most: int = MOST_COMPARED) -> LookAlikes:
    """Which of *names* look like one that comes before it; put those first that are used most.

    Names are the same but for case and separators, or differ by one letter (of 4 or more) or two (of
    8 to 64). Other digits are another name: `web-1` is no slip of `web-2`. Each name is said once,
    beside the first one that it is nearest to, and nothing looks like what looks like another.

    Two names that differ by so few letters agree in one of the pieces that they are cut into, near
    the same place, so only those are compared: *most* pairs, and what came first has been looked at.

    >>> look_alikes(["CostCenter", "Team", "cost-center", "CostCentre", "web-1", "web-2"]).found
    (LookAlike(name='cost-center', like='CostCenter', distance=0), \
LookAlike(name='CostCentre', like='CostCenter', distance=2))
    """
    same: dict[str, str] = {}
    blocks: defaultdict[tuple[str, str, int], list[tuple[str, str]]] = defaultdict(list)
    found: list[LookAlike] = []
    compared, is_whole = 0, True
    for number, name in enumerate(names):
        letters = folded(name)
        if letters in same and letters:
            found.append(LookAlike(name, same[letters], 0))
            continue
        if number >= MOST_NAMES:
            is_whole = False
            same[letters] = name
            continue
        best: LookAlike | None = None
        seen: set[str] = set()
        allowed = slips(len(letters))
        for block in _asked(letters, allowed):
            near = blocks.get(block, [])
            is_whole &= len(near) < MOST_IN_A_BLOCK
            for other, like in near:
                if other in seen or abs(len(other) - len(letters)) > allowed:
                    continue
                if compared == most:
                    is_whole = False
                    break
                seen.add(other)
                compared += 1
                apart = distance(letters, other, min(allowed, slips(len(other))))
                if apart is not None and (best is None or apart < best.distance):
                    best = LookAlike(name, like, apart)
        if best is not None:
            found.append(best)
            continue
        if letters:
            same[letters] = name
        for block in _pieces(letters, allowed):
            if len(blocks[block]) < MOST_IN_A_BLOCK:
                blocks[block].append((letters, name))
    return LookAlikes(tuple(found), is_whole)


def folded(name: str) -> str:
    """The letters and digits of *name*, all in one case.

    >>> folded("user:Cost-Center"), folded("K\u00d6LN_2")
    ('usercostcenter', 'k\u00f6ln2')
    """
    told = unicodedata.normalize("NFC", name).casefold()
    return "".join(filter(str.isalnum, told))


def slips(letters: int) -> int:
    """By how many letters names of this length may differ."""
    return 0 if letters < SHORT or letters > LONGEST else 1 if letters < LONG else 2


def distance(one: str, other: str, most: int) -> int | None:
    """How many letters are put in, left out or changed between two names; None for more than *most*.

    >>> distance("team", "teams", 1), distance("team", "tame", 1), distance("web", "web", 0)
    (1, None, 0)
    """
    if abs(len(one) - len(other)) > most or len(set(one) ^ set(other)) > 2 * most:
        return None
    far = most + 1
    row = [place if place <= most else far for place in range(len(other) + 1)]
    for number, letter in enumerate(one, 1):
        # Further from the diagonal than *most* nothing can count.
        first, last = max(1, number - most), min(len(other), number + most)
        before, row = row, [far] * (len(other) + 1)
        row[0] = min(number, far)
        for place in range(first, last + 1):
            row[place] = min(
                before[place] + 1,
                row[place - 1] + 1,
                before[place - 1] + (letter != other[place - 1]),
            )
        if min(row[first - 1 : last + 1]) > most:
            return None
    return row[-1] if row[-1] <= most else None


Block = tuple[str, str, int]  # the digits of a name, a piece of it, and where that begins


def _pieces(letters: str, allowed: int) -> Iterator[Block]:
    """The pieces that a name is found by: of two slips, one of three is whole."""
    if allowed:
        digits = _digits(letters)
        for start, end in pairwise(_cuts(len(letters), allowed + 1)):
            yield digits, letters[start:end], start


def _asked(letters: str, allowed: int) -> Iterable[Block]:
    """Where names that differ by so few letters have been put.

    A piece has moved by as many letters as were put in before it, less those that were left out;
    what comes after makes up for it, or the names differ in length.
    """
    digits = _digits(letters)
    asked: dict[Block, None] = {}
    for length in range(len(letters) - allowed, len(letters) + allowed + 1):
        may, longer = min(allowed, slips(length)), len(letters) - length
        if not abs(longer) <= may or not may:
            continue
        moved = range(-((may - longer) // 2), (may + longer) // 2 + 1)
        for start, end in pairwise(_cuts(length, slips(length) + 1)):
            for place in (start + one for one in moved):
                if place >= 0:
                    asked[digits, letters[place : place + end - start], start] = None
    return asked


def _cuts(length: int, pieces: int) -> list[int]:
    return [length * number // pieces for number in range(pieces + 1)]


def _digits(letters: str) -> str:
    return "".join(filter(str.isdigit, letters))
