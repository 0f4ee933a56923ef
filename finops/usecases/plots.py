"""Plots as SVG: the numbers of the answers, drawn so that they read in grey as well as in colour.

Every mark carries its number as the answer has it, in its `<title>` and as `data-amount`. What says
something by colour says it by a pattern and a word too.
"""

from collections.abc import Iterable, Mapping, Sequence
from math import ceil, floor, log10
from typing import NamedTuple
from xml.etree import ElementTree as ET

from finops.domain.money import from_ticks, text
from finops.domain.paces import Colour
from finops.domain.spend_cards import CardStatus

WIDTH = 720
FONT = "Source Sans Pro, Helvetica, Arial, sans-serif"
INK, FAINT, RULE, PAPER = "#1a1a1a", "#595959", "#d0d0d0", "#ffffff"
LETTER = 6.3  # pixels of a usual letter in 12 px
TICK = 10**10


class _Look(NamedTuple):
    """How a kind of mark is filled: the darkness of the fills alone tells them apart."""

    fill: str
    ink: str
    pattern: str | None = None  # lines over the fill
    sign: str = ""


# Okabe and Ito's palette, which those who see fewer colours can tell apart, by falling darkness.
LOOKS: Mapping[Colour, _Look] = {
    Colour.RED: _Look("#8c2d04", "#ffffff", "dense", "▲▲"),
    Colour.ORANGE: _Look("#d55e00", "#ffffff", "lines", "▲"),
    Colour.BLACK: _Look("#4d4d4d", "#ffffff", None, "="),
    Colour.GREEN: _Look("#a6dba0", INK, None, "▼"),
    Colour.GREY: _Look("#f0f0f0", INK, "dots", "–"),
}
STATUSES: Mapping[str, _Look] = {
    CardStatus.APPROVED: _Look("#00441b", "#ffffff"),
    CardStatus.RESOLVED: _Look("#1b7837", "#ffffff", "lines"),
    CardStatus.ACCEPTED: _Look("#5aae61", INK),
    CardStatus.OPEN: _Look("#fdd49e", INK),
    CardStatus.REJECTED: _Look("#e08214", INK, "lines"),
    CardStatus.DISPUTED: _Look("#b35806", "#ffffff", "dense"),
    "Provisional": _Look("#d9d9d9", INK, "dots"),
    "Uncarded": _Look("#f7f7f7", INK, "dots"),
    "Unallocated": _Look("#969696", INK, "dense"),
}
_USUAL = _Look("#bdbdbd", INK)
BAND = _Look("#cfe3f1", INK)
LINES: Sequence[tuple[str, str]] = (("#0072b2", ""), ("#1a1a1a", "7 4"), ("#d55e00", "2 3"))


class Tile(NamedTuple):
    """An area of the heat map: a product of a *group* (its portfolio), its spend in ticks, its pace."""

    name: str
    group: str
    spend: int
    colour: Colour


class Bar(NamedTuple):
    """A month: spend and approved schedule in ticks; None is what there is not."""

    label: str
    spend: int | None
    schedule: int | None


class Stack(NamedTuple):
    """What an element or a week comes to in ticks, by status of its cards, and how many they are."""

    name: str
    amounts: Mapping[str, int]
    counts: Mapping[str, int] = {}


class Line(NamedTuple):
    """A line of a trend, in ticks by place of the labels; None: nothing is known there."""

    name: str
    values: Sequence[int | None]


class Ahead(NamedTuple):
    """What a month is expected to come to, in ticks, and the interval around it."""

    expected: int
    low: int
    high: int


class Pair(NamedTuple):
    """An amount, and what it was before, in ticks; None: that is not known."""

    name: str
    amount: int
    before: int | None


class Words(NamedTuple):
    """What the two amounts of a pair are."""

    now: str
    before: str


class SpanBar(NamedTuple):
    """A span of a history: what it came to in ticks, None where nothing of it is known."""

    label: str
    amount: int | None
    is_part: bool


# The plots ----------------------------------------------------------------------------------------


def heat_map(tiles: Iterable[Tile], *, title: str, currency: str | None) -> str:
    """Products by spend (area) and pace (fill, sign and word), side by side within their groups.

    What has no area, because it spent nothing or got money back, is listed below.
    """
    from squarify import normalize_sizes, squarify

    listed = sorted(tiles, key=lambda tile: (-tile.spend, tile.name))
    drawn, others = [t for t in listed if t.spend > 0], [t for t in listed if t.spend <= 0]
    height, top = 420, 64
    below = 18 * ceil(len(others) / 2)
    plot = _Plot(title, top + height + 12 + below, currency)
    plot.legend([(f"{LOOKS[c].sign} {c.word}", LOOKS[c]) for c in Colour], 46)
    groups: dict[str, list[Tile]] = {}
    for tile in drawn:
        groups.setdefault(tile.group, []).append(tile)
    ordered = sorted(groups.items(), key=lambda one: (-sum(t.spend for t in one[1]), one[0]))
    sizes = [sum(tile.spend for tile in some) / TICK for _, some in ordered]
    places = squarify(normalize_sizes(sizes, WIDTH, height), 0, top, WIDTH, height) if sizes else []
    for (group, some), place in zip(ordered, places, strict=True):
        x, y, width, high = (place[name] for name in ("x", "y", "dx", "dy"))
        head = 16 if high > 34 and width > 40 else 0
        if head:
            plot.text(x + 3, y + 12, _cut(group, width - 6), size=11, weight="bold")
        inner = normalize_sizes([t.spend / TICK for t in some], width, high - head)
        for tile, at in zip(some, squarify(inner, x, y + head, width, high - head), strict=True):
            plot.tile(tile, at["x"], at["y"], at["dx"], at["dy"])
    for number, tile in enumerate(others):
        x, y = 4 + (number % 2) * WIDTH / 2, top + height + 24 + 18 * (number // 2)
        said = f"{LOOKS[tile.colour].sign} {tile.name}: {_short(tile.spend)}, {tile.colour.word}"
        mark = plot.mark("text", tile.name, tile.spend, tile.colour.word)
        mark.attrib.update(_place(x=x, y=y) | {"font-size": "12", "fill": INK})
        mark[0].tail = _cut(said, WIDTH / 2 - 10)
    if not listed:
        plot.empty(top + height / 2)
    return plot.svg()


def schedule(bars: Sequence[Bar], *, title: str, currency: str | None) -> str:
    """Spend of each month as a bar, and the approved schedule as a line across it."""
    top, height, left = 72, 260, 72
    plot = _Plot(title, top + height + 34, currency)
    over = _Look("#8c2d04", "#ffffff", "dense")
    usual = _Look("#5b9bd5", INK)
    plot.legend([("spend", usual), ("spend above the schedule", over)], 46, line="schedule")
    scale = plot.axis(
        [v for bar in bars for v in (bar.spend, bar.schedule) if v is not None], left, top, height
    )
    step = (WIDTH - left) / max(len(bars), 1)
    for place, bar in enumerate(bars):
        x = left + place * step
        plot.text(x + step / 2, top + height + 16, bar.label, size=11, anchor="middle")
        if bar.spend is not None:
            is_over = bar.schedule is not None and bar.spend > bar.schedule
            word = "spend above the schedule" if is_over else "spend"
            plot.bar(
                f"{bar.label} {word}",
                bar.spend,
                x + step * 0.18,
                scale(0),
                step * 0.64,
                scale(bar.spend),
                over if is_over else usual,
            )
        if bar.schedule is not None:
            mark = plot.mark("line", f"{bar.label} schedule", bar.schedule)
            y = scale(bar.schedule)
            mark.attrib.update(
                _place(x1=x + step * 0.08, x2=x + step * 0.92, y1=y, y2=y)
                | {"stroke": INK, "stroke-width": "3"}
            )
    if not bars:
        plot.empty(top + height / 2)
    return plot.svg()


def card_status(stacks: Sequence[Stack], *, title: str, currency: str | None) -> str:
    """For each element or week a bar of its amount, parted by the status of its cards.

    A part below zero is told beside its bar, and not drawn.
    """
    top, each, left = 82, 34, 170
    plot = _Plot(title, top + each * max(len(stacks), 1) + 12, currency)
    used = {name for one in stacks for name, ticks in one.amounts.items() if ticks}
    names = [n for n in STATUSES if n in used] + sorted(used - STATUSES.keys())
    plot.legend([(_words(name), STATUSES.get(name, _USUAL)) for name in names], 46)
    most = max((sum(v for v in s.amounts.values() if v > 0) for s in stacks), default=0)
    room = WIDTH - left - 110
    for number, one in enumerate(stacks):
        y = top + number * each
        plot.text(left - 8, y + 16, _cut(one.name, left - 12), anchor="end")
        x = float(left)
        for name in names:
            ticks = one.amounts.get(name, 0)
            if not ticks:
                continue
            count = one.counts.get(name)
            told = f"{_words(name)}, {count} cards" if count is not None else _words(name)
            width = room * ticks / most if ticks > 0 else 0.0
            plot.bar(
                f"{one.name} {told}", ticks, x, y + 24, width, y + 4, STATUSES.get(name, _USUAL)
            )
            x += width
        plot.text(x + 6, y + 18, _short(sum(one.amounts.values())), size=12)
    if not stacks:
        plot.empty(top + 16)
    return plot.svg()


def trend(labels: Sequence[str], lines: Sequence[Line], *, title: str, currency: str | None) -> str:
    """Lines over days or weeks, told apart by dashes and by their names at their ends."""
    top, height, left, right = 48, 260, 72, 110
    plot = _Plot(title, top + height + 34, currency)
    scale = plot.axis(
        [value for line in lines for value in line.values if value is not None],
        *(left, top, height),
        right=right,
    )
    step = (WIDTH - left - right) / max(len(labels) - 1, 1)
    every = max(1, ceil(len(labels) * 46 / (WIDTH - left - right)))
    for place in range(0, len(labels), every):
        plot.text(left + place * step, top + height + 16, labels[place], size=11, anchor="middle")
    ends: list[float] = []
    names: list[tuple[float, float, str, str]] = []
    for number, line in enumerate(lines):
        colour, dashes = LINES[number % len(LINES)]
        known = [(p, v) for p, v in enumerate(line.values) if v is not None]
        points = [(left + p * step, scale(v)) for p, v in known]
        if not points:
            continue
        path = plot.add(
            "polyline",
            points=" ".join(f"{x:.1f},{y:.1f}" for x, y in points),
            fill="none",
            stroke=colour,
        )
        path.attrib.update({"stroke-width": "2.2", "stroke-dasharray": dashes})
        for (p, value), (x, y) in zip(known, points, strict=True):
            dot = plot.mark("circle", f"{labels[p]} {line.name}", value)
            dot.attrib.update(_place(cx=x, cy=y, r=2.2) | {"fill": colour})
        x, y = points[-1]
        while any(abs(y - other) < 13 for other in ends):
            y += 13
        ends.append(y)
        names.append((x + 8, y + 4, _cut(line.name, right - 10), colour))
    for x, y, said, colour in names:
        name = plot.text(x, y, said, size=12, fill=colour)
        # Readable where another line runs through it.
        name.attrib.update({"stroke": PAPER, "stroke-width": "4", "paint-order": "stroke"})
        name.set("font-weight", "bold")
    if not ends:
        plot.empty(top + height / 2)
    return plot.svg()


def outlook(
    labels: Sequence[str],
    spent: Sequence[int],
    ahead: Ahead,
    *,
    title: str,
    currency: str | None,
    schedule: int | None = None,
) -> str:
    """The days of a month: spend to date, and the interval that the month's end is expected in.

    *spent* is of its first days; *schedule*, of the whole month, is a line that grows evenly.
    """
    top, height, left, right = 74, 260, 72, 160
    plot = _Plot(title, top + height + 34, currency)
    (known, _), (plan, dashes) = LINES[0], LINES[1]
    entries = [("spend to date", _Look(known, "#ffffff")), ("expected, four times of five", BAND)]
    plot.legend(entries, 46, line=None if schedule is None else "schedule")
    ends = [spent[-1], ahead.low, ahead.high, *([] if schedule is None else [schedule])]
    scale = plot.axis([*spent, *ends], left, top, height, right=right)
    step = (WIDTH - left - right) / max(len(labels) - 1, 1)
    for place in range(0, len(labels), max(1, ceil(len(labels) * 46 / (WIDTH - left - right)))):
        plot.text(left + place * step, top + height + 16, labels[place], size=11, anchor="middle")
    start = (left + (len(spent) - 1) * step, scale(spent[-1]))
    end = left + (len(labels) - 1) * step
    corners = [start, (end, scale(ahead.high)), (end, scale(ahead.low))]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in corners)
    plot.add("polygon", points=points, fill=BAND.fill, stroke="none")
    if schedule is not None:
        first = _place(x1=left, y1=scale(schedule // len(labels)))
        line = plot.add("line", **first, **_place(x2=end, y2=scale(schedule)), stroke=plan)
        line.attrib.update({"stroke-width": "1.6", "stroke-dasharray": dashes})
    way = _place(x1=start[0], y1=start[1], x2=end, y2=scale(ahead.expected))
    plot.add("line", **way, stroke=known).attrib.update(
        {"stroke-width": "2.2", "stroke-dasharray": "2 3"}
    )
    path = " ".join(f"{left + n * step:.1f},{scale(ticks):.1f}" for n, ticks in enumerate(spent))
    plot.add("polyline", points=path, fill="none", stroke=known).set("stroke-width", "2.2")
    for n, ticks in enumerate(spent):
        dot = plot.mark("circle", f"{labels[n]} spend to date", ticks)
        dot.attrib.update(_place(cx=left + n * step, cy=scale(ticks), r=2.2) | {"fill": known})
    named = [("high", ahead.high), ("expected", ahead.expected), ("low", ahead.low)]
    named += [] if schedule is None else [("schedule", schedule)]
    taken: list[float] = []
    for word, ticks in sorted(named, key=lambda one: -one[1]):
        dot = plot.mark("circle", word, ticks)
        dot.attrib.update(_place(cx=end, cy=scale(ticks), r=2.6) | {"fill": INK})
        y = scale(ticks) + 4
        while any(abs(y - other) < 14 for other in taken):
            y += 14
        taken.append(y)
        plot.text(end + 8, y, _cut(f"{word} {_short(ticks)}", right - 12), size=12)
    return plot.svg()


def compared(pairs: Sequence[Pair], *, title: str, currency: str | None, words: Words) -> str:
    """For each name a bar of its amount, and a thinner one below of what it was before."""
    top, each, left = 82, 40, 190
    plot = _Plot(title, top + each * max(len(pairs), 1) + 12, currency)
    now, was = _Look(LINES[0][0], "#ffffff"), _Look("#d9d9d9", INK, "lines")
    plot.legend([(words.now, now), (words.before, was)], 46)
    values = [v for one in pairs for v in (one.amount, one.before) if v is not None]
    most = max([0, *values])
    room = WIDTH - left - 130
    for number, one in enumerate(pairs):
        y = top + number * each
        plot.text(left - 8, y + 17, _cut(one.name, left - 12), anchor="end")
        width = room * max(one.amount, 0) / most if most else 0.0
        plot.bar(f"{one.name} {words.now}", one.amount, left, y + 20, width, y + 4, now)
        plot.text(left + width + 6, y + 17, _short(one.amount), size=12)
        if one.before is not None:
            width = room * max(one.before, 0) / most if most else 0.0
            plot.bar(f"{one.name} {words.before}", one.before, left, y + 30, width, y + 22, was)
    if not pairs:
        plot.empty(top + 16)
    return plot.svg()


def spans(bars: Sequence[SpanBar], *, title: str, currency: str | None) -> str:
    """Spend of spans as bars; what is incomplete is striped, and a gap says that it is one."""
    top, height, left = 72, 260, 72
    plot = _Plot(title, top + height + 34, currency)
    whole, part = _Look("#5b9bd5", INK), _Look("#c6dbef", INK, "lines")
    plot.legend([("spend", whole), ("spend of a part", part)], 46)
    scale = plot.axis([bar.amount for bar in bars if bar.amount is not None], left, top, height)
    step = (WIDTH - left) / max(len(bars), 1)
    every = max(1, ceil(62 / step))
    for place, bar in enumerate(bars):
        x = left + place * step
        if place % every == 0:
            plot.text(x + step / 2, top + height + 16, bar.label, size=11, anchor="middle")
        if bar.amount is None:
            plot.text(x + step / 2, scale(0) - 6, "gap", size=11, anchor="middle", fill=FAINT)
            continue
        word = "spend of a part" if bar.is_part else "spend"
        plot.bar(
            f"{bar.label} {word}",
            bar.amount,
            x + step * 0.18,
            scale(0),
            step * 0.64,
            scale(bar.amount),
            part if bar.is_part else whole,
        )
    if not bars:
        plot.empty(top + height / 2)
    return plot.svg()


# The paper ----------------------------------------------------------------------------------------


class _Plot:
    """A sheet that marks are put on."""

    def __init__(self, title: str, height: float, currency: str | None) -> None:
        self.currency = currency
        self.root = ET.Element(
            "svg",
            {
                "xmlns": "http://www.w3.org/2000/svg",
                "viewBox": f"-8 -4 {WIDTH + 16} {ceil(height) + 8}",
                "width": str(WIDTH + 16),
                "height": str(ceil(height) + 8),
                "role": "img",
                "aria-label": title,
                "font-family": FONT,
            },
        )
        self.add("title").text = title
        self._patterns()
        sheet = _place(x=-8, y=-4, width=WIDTH + 16, height=ceil(height) + 8)
        self.add("rect", **sheet, fill=PAPER)
        self.text(0, 20, _cut(title, WIDTH, 8), size=17, weight="bold")
        self._height = ceil(height)

    def add(self, tag: str, **attributes: str) -> ET.Element:
        return ET.SubElement(self.root, tag, attributes)

    def mark(self, tag: str, name: str, ticks: int, word: str = "") -> ET.Element:
        """Something that stands for an amount, which it can be asked for."""
        exact = text(ticks)
        one = self.add(tag, **{"data-name": name, "data-amount": exact})
        told = ", ".join(filter(None, [f"{name}: {self.said(ticks, exact)}", word]))
        ET.SubElement(one, "title").text = told
        return one

    def said(self, ticks: int, exact: str | None = None) -> str:
        return " ".join(filter(None, [exact or text(ticks), self.currency]))

    def text(
        self,
        x: float,
        y: float,
        said: str,
        *,
        size: int = 13,
        anchor: str = "start",
        weight: str = "normal",
        fill: str = INK,
    ) -> ET.Element:
        one = self.add("text", **_place(x=x, y=y), fill=fill)
        one.attrib.update({"font-size": str(size), "text-anchor": anchor, "font-weight": weight})
        one.text = said
        return one

    def empty(self, y: float) -> None:
        self.text(WIDTH / 2, y, "Nothing to show", anchor="middle", fill=FAINT)

    def tile(self, tile: Tile, x: float, y: float, width: float, height: float) -> None:
        look = LOOKS[tile.colour]
        x, y, width, height = x + 1, y + 1, max(width - 2, 0.1), max(height - 2, 0.1)
        self._rect(tile.name, tile.spend, (x, y, width, height), look, tile.colour.word)
        lines = [f"{look.sign} {tile.name}", _short(tile.spend), tile.colour.word]
        if width < 44:
            return
        for number, line in enumerate(lines):
            if height < 18 + 15 * number:
                break
            if number and len(line) * LETTER > width - 8:
                break
            self._plate(x + 4, y + 14 + 15 * number, _cut(line, width - 10), look)

    def bar(
        self, name: str, ticks: int, x: float, low: float, width: float, high: float, look: _Look
    ) -> None:
        top, height = min(low, high), abs(low - high)
        self._rect(name, ticks, (x, top, max(width, 0), height), look)

    def legend(
        self, entries: Sequence[tuple[str, _Look]], y: float, line: str | None = None
    ) -> None:
        x = 0.0
        for word, look in entries:
            if x + 26 + len(word) * LETTER > WIDTH:
                x, y = 0.0, y + 18
            self._filled((x, y - 11, 14, 14), look, self.root)
            self.text(x + 19, y + 1, word, size=12)
            x += 32 + len(word) * LETTER
        if line:
            self.add("line", **_place(x1=x, x2=x + 18, y1=y - 4, y2=y - 4), stroke=INK).set(
                "stroke-width", "3"
            )
            self.text(x + 24, y + 1, line, size=12)

    def axis(
        self, values: Sequence[int], left: float, top: float, height: float, right: float = 0
    ) -> "_Scale":
        """Lines at round amounts, and where an amount stands."""
        low, high = min([0, *values]) / TICK, max([0, *values]) / TICK
        step = _round_step((high - low) or 1)
        first, last = floor(low / step), max(ceil(high / step), 1)
        scale = _Scale(first * step, last * step, top, height)
        for number in range(first, last + 1):
            y = scale.at(number * step)
            colour = FAINT if number == 0 else RULE
            self.add("line", **_place(x1=left, x2=WIDTH - right, y1=y, y2=y), stroke=colour)
            said = _shortened(number * step)
            self.text(left - 8, y + 4, said, size=11, anchor="end", fill=FAINT)
        return scale

    def svg(self) -> str:
        return ET.tostring(self.root, encoding="unicode")

    def _rect(
        self,
        name: str,
        ticks: int,
        at: tuple[float, float, float, float],
        look: _Look,
        word: str = "",
    ) -> None:
        self._filled(at, look, self.mark("g", name, ticks, word))

    def _filled(self, at: tuple[float, float, float, float], look: _Look, into: ET.Element) -> None:
        place = _place(**dict(zip(("x", "y", "width", "height"), at, strict=True)))
        edge = {"stroke": INK, "stroke-width": "0.6"}
        ET.SubElement(into, "rect", {**place, "fill": look.fill, **edge})
        if look.pattern:
            ET.SubElement(into, "rect", {**place, "fill": f"url(#{look.pattern}-{look.ink[1:]})"})

    def _plate(self, x: float, y: float, said: str, look: _Look) -> None:
        """Words on a fill; where it has a pattern, on a patch of the fill alone."""
        if look.pattern:
            width = len(said) * LETTER + 4
            self.add("rect", **_place(x=x - 2, y=y - 11, width=width, height=14), fill=look.fill)
        self.text(x, y, said, size=12, fill=look.ink)

    def _patterns(self) -> None:
        defs = self.add("defs")
        for ink in (INK, "#ffffff"):
            for name, size in (("lines", 8), ("dense", 5), ("dots", 7)):
                square = {"width": str(size), "height": str(size), "patternUnits": "userSpaceOnUse"}
                turned = {} if name == "dots" else {"patternTransform": "rotate(45)"}
                pattern = ET.SubElement(
                    defs, "pattern", {"id": f"{name}-{ink[1:]}", **square, **turned}
                )
                if name == "dots":
                    ET.SubElement(pattern, "circle", {**_place(cx=2, cy=2, r=0.9), "fill": ink})
                else:
                    line = _place(x1=0, x2=0, y1=0, y2=size)
                    ET.SubElement(
                        pattern,
                        "line",
                        {**line, "stroke": ink, "stroke-width": "1.4", "stroke-opacity": "0.7"},
                    )


class _Scale(NamedTuple):
    """From an amount to a height on the paper."""

    low: float
    high: float
    top: float
    height: float

    def at(self, amount: float) -> float:
        return self.top + self.height * (self.high - amount) / (self.high - self.low)

    def __call__(self, ticks: int) -> float:
        return self.at(ticks / TICK)


def _place(**numbers: float) -> dict[str, str]:
    return {name: f"{number:.1f}" for name, number in numbers.items()}


def _round_step(span: float) -> float:
    """A round amount of which four to eight make *span*."""
    size: float = 10.0 ** floor(log10(span))
    return next(size * one for one in (0.2, 0.5, 1, 2) if span / (size * one) <= 6)


def _short(ticks: int) -> str:
    return f"{from_ticks(ticks):,.2f}"


def _shortened(amount: float) -> str:
    """An amount beside an axis."""
    for size, letter in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if abs(amount) >= size:
            return f"{amount / size:g}{letter}"
    return f"{amount:g}"


def _cut(said: str, width: float, letter: float = LETTER) -> str:
    most = max(int(width / letter), 1)
    return said if len(said) <= most else said[: most - 1] + "…"


def _words(status: str) -> str:
    return status.lower()
