"""What the door to closes answers."""

from typing import Annotated

from pydantic import Field

from finops.domain.column_plans import FileKind
from finops.domain.month_closes import Check, CheckStatus, CloseStatus
from finops.runtime.openapi.bills import Freshness
from finops.runtime.openapi.words import Answers, Count, Currency, Money, Month, Payer, Time, Told

Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
Sha256 = Annotated[str, Field(description="SHA-256, in hex")]


class BookedHeader(Told):
    """What finance books a payer's bill for a business unit under; null: what nobody owns."""

    payer_id: Payer
    business_unit: str | None
    vendor: str | None
    purchase_order: str | None
    invoices: list[str]
    memo: str | None
    period: Annotated[str | None, Field(description="Another word than the month for it")]
    missing: Annotated[list[str], Field(description="Fields that still say nothing")]


class Waiver(Told):
    """Who let a line be, and why."""

    check: Check
    by: str
    reason: str
    at: Time


class CheckLine(Told):
    """A line of the check list, and the first 50 things that are wrong in it."""

    check: Check
    status: CheckStatus
    wrong: Count
    findings: list[str]
    waiver: Annotated[Waiver | None, Field(description="It may cover no longer all of that")]


class CorrectedSum(Told):
    currency: Currency
    amount: Money


class CorrectionsBooked(Told):
    """What the invoices of a closed month change by, paid with this one."""

    original_period: Month
    net: list[CorrectedSum]
    at: Time


class Close(Told):
    """The close of a month, without its check list."""

    month: Month
    status: CloseStatus
    headers: list[BookedHeader]
    waivers: list[Waiver]
    corrections: list[CorrectionsBooked]
    closed_by: str | None
    begun_at: Time | None
    closed_at: Time | None
    snapshot_sha256: Annotated[str | None, Field(description="Of the figures it is closed with")]
    abandoned: Annotated[str | None, Field(description="Why the last attempt ended")]
    changed_at: Time | None
    version: Version


class FileSums(Told):
    """What the columns of amounts come to in one currency, as decimal text."""

    currency: Currency
    sums: Annotated[dict[str, str], Field(examples=[{"gross": "1582.51", "net": "1642.51"}])]


class ClosedFile(Told):
    """A file of a closed month; with a business unit it holds that one's rows alone."""

    name: Annotated[str, Field(examples=["PlanningAndAnalysis.retail.csv"])]
    kind: FileKind
    business_unit: str | None
    sha256: Sha256
    size: Annotated[int, Field(ge=0, description="Bytes")]
    rows: Count
    totals: list[FileSums]


class PreparedClose(Close):
    """A close with what stands in its way, and the files that its reader may have."""

    check_list: list[CheckLine]
    proposed_headers: Annotated[
        list[BookedHeader], Field(description="What the bill says itself; nobody has kept it")
    ]
    files: list[ClosedFile]
    freshness: list[Freshness]


class CloseInList(Told):
    month: Month
    status: CloseStatus
    is_open: Annotated[bool, Field(description="Whether it can still change")]
    waivers: Count
    closed_by: str | None
    begun_at: Time | None
    closed_at: Time | None
    abandoned: str | None
    version: Version


class CloseList(Told):
    items: list[CloseInList]


class CloseAsked(Told):
    """A run was started; how far it is, the close says."""

    month: Month
    check_list: list[CheckLine]


class ClosedFiles(Told):
    month: Month
    closed_at: Time | None
    items: list[ClosedFile]


class ClosedFileLink(ClosedFile):
    """A file, and where it may be read for so many seconds."""

    url: str
    seconds: Count


ANSWERS: Answers = {
    ("get", "/closes"): ("200", CloseList),
    ("get", "/closes/{month}"): ("200", PreparedClose),
    ("put", "/closes/{month}/headers"): ("200", Close),
    ("post", "/closes/{month}/waivers"): ("200", Close),
    ("post", "/closes/{month}/waivers/{check}/withdrawal"): ("200", Close),
    ("post", "/closes/{month}/close"): ("202", CloseAsked),
    ("get", "/closes/{month}/files"): ("200", ClosedFiles),
    ("post", "/closes/{month}/files/{name}/links"): ("201", ClosedFileLink),
}
