"""What a plot says, read back from it."""

from collections.abc import Iterator
from xml.etree import ElementTree as ET

NAMESPACE = "{http://www.w3.org/2000/svg}"


def marks(svg: str, tag: str | None = None) -> Iterator[ET.Element]:
    """Everything on a plot, or all of one kind."""
    root = ET.fromstring(svg)  # noqa: S314  # it is ours
    return root.iter(None if tag is None else f"{NAMESPACE}{tag}")


def drawn(svg: str) -> dict[str, str]:
    """Amounts as decimal text, by the names of the marks that stand for them."""
    named = (mark.attrib for mark in marks(svg) if "data-name" in mark.attrib)
    return {one["data-name"]: one["data-amount"] for one in named}
