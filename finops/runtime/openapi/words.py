"""Words that every answer of the API is described in."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Money = Annotated[
    str,
    Field(
        description="Decimal text, ten decimals or more",
        pattern=r"^-?\d+\.\d{10,20}$",
        examples=["12.3456789012"],
    ),
]
Payer = Annotated[str, Field(description="The payer account", examples=["999988887777"])]
Month = Annotated[str, Field(description="YYYY-MM", examples=["2026-09"])]
Currency = Annotated[str | None, Field(description="As the bill states it", examples=["USD"])]
Time = Annotated[str, Field(json_schema_extra={"format": "date-time"})]
Day = Annotated[str, Field(json_schema_extra={"format": "date"})]
Cursor = Annotated[str | None, Field(description="What to ask for the next page with; null: none")]
Count = Annotated[int, Field(ge=0)]


class Told(BaseModel):
    """An answer has these fields and no others."""

    model_config = ConfigDict(extra="forbid")


class Problem(BaseModel):
    """What is wrong, where, and what to do (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: Annotated[str, Field(examples=["'team' is no dimension; known are payer, account, …"])]
    errors: list[dict[str, str]] = []


Answers = Mapping[tuple[str, str], tuple[str, type[BaseModel]]]
