"""What many commands can be told: whom to speak to, as whom, of which year, and how to answer."""

from typing import Annotated

import typer

from finops.local import machine
from finops.local.api import Api
from finops.local.errors import LoadError
from finops.local.screen import Json

__all__ = ["As", "Csv", "Json", "Profile", "Reason", "Region", "Under", "Year", "api_of", "year_of"]

Profile = Annotated[
    str | None, typer.Option(help="The AWS profile of a deployment; without it, this machine.")
]
Region = Annotated[str | None, typer.Option(help="The deployment's region.")]
As = Annotated[
    str | None, typer.Option("--as", metavar="ADDRESS", help="Who asks, by mail address.")
]
Csv = Annotated[bool, typer.Option("--csv", help="Answer in CSV.")]
Year = Annotated[
    int | None, typer.Option(help="The fiscal year; without it, the running one, else the newest.")
]
Under = Annotated[str | None, typer.Option(help="Only at and under this element, by its id.")]
Reason = Annotated[str | None, typer.Option(help="Why; it is kept in the audit trail.")]


def api_of(
    who: str | None, profile: str | None, region: str | None, *, usually: str | None = None
) -> Api:
    """The API of where *profile* leads, else of this machine; there *usually* asks, if not *who*."""
    place = machine.installation(profile, region)
    return Api(place, who or (usually if place.local else None))


def year_of(api: Api, said: int | None) -> int:
    """*said*, else the running fiscal year, where it has a chart of accounts, else the newest."""
    if said is not None:
        return said
    labels = api.get("me")["labels"]
    if labels is not None:
        return int(labels["year"])
    charts = api.get("charts")["items"]
    if not charts:
        raise LoadError("there is no chart of accounts yet: finops chart load FILE brings one")
    return int(charts[0]["year"])
