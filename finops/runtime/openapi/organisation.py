"""What the doors to charts, people, budgets and the audit trail answer."""

from typing import Annotated

from pydantic import Field

from finops.domain.accounts import Need, NoticeKind
from finops.domain.allocation_tasks import AllocationStep
from finops.domain.budgets import BudgetStatus, Command
from finops.domain.card_tasks import CardStep
from finops.domain.chart_loads import ChartLoadStatus
from finops.domain.people import PersonStatus, Role
from finops.domain.saving_tasks import SavingStep
from finops.domain.tasks import TaskKind
from finops.runtime.openapi.accounts import AccountId
from finops.runtime.openapi.words import (
    Answers,
    Count,
    Currency,
    Cursor,
    Day,
    Money,
    Month,
    Time,
    Told,
)

Element = Annotated[
    str,
    Field(description="An element's id: slugs of its path", examples=["retail.online.shop.web"]),
]
Email = Annotated[str, Field(examples=["ada@example.com"])]
Year = Annotated[int, Field(description="The fiscal year", examples=[2026])]
Version = Annotated[int, Field(ge=0, description="What `ETag` says: changes so far")]
TwelveMonths = Annotated[list[Money], Field(min_length=12, max_length=12)]
TwelveVariances = Annotated[list[Money | None], Field(min_length=12, max_length=12)]
Names = Annotated[list[str], Field(min_length=4, max_length=4, description="E1 to E4")]


class Labels(Told):
    """What the levels are called in a year, from the header of its chart file."""

    year: Year
    e1: str
    e2: str
    e3: str
    e4: str


class Named(Told):
    """An element, its name, and what its level is called."""

    element: Element
    name: str
    level: Annotated[int, Field(ge=0, le=4, description="0 is the enterprise")]
    label: str


# People -------------------------------------------------------------------------------------------


class Person(Told):
    """Somebody with a sign-in."""

    email: Email
    name: str | None
    role: Role
    level: Annotated[int, Field(ge=0, le=4, description="The level of the role; 0 is all")]
    scope: list[Element]
    status: PersonStatus
    changed_at: Time | None
    reminded_at: Time | None
    version: Version


class Me(Person):
    """The caller."""

    elements: list[Named]
    labels: Labels | None
    open_tasks: Count


class PersonPage(Told):
    items: list[Person]
    next_cursor: Cursor


class Task(Told):
    """A step that waits on an element of a year, an account, a credit, a spend card or savings.

    What the others have is null. The account of a credit is the one that it was applied to.
    """

    kind: TaskKind | Need | AllocationStep | CardStep | SavingStep
    year: Year | None
    element: Element | None
    name: Annotated[str | None, Field(description="Of the element or account; a credit's text")]
    level: Annotated[int | None, Field(ge=0, le=4, description="0 is the enterprise")]
    label: Annotated[str, Field(description="What its level is called, Account, Credit or Saving")]
    account_id: AccountId | None
    notice: Annotated[NoticeKind | None, Field(description="What has become of the account")]
    credit_id: Annotated[str | None, Field(description="What `/credits/{credit_id}` maps")]
    saving_id: Annotated[
        str | None, Field(description="What `/savings/{saving_id}` tells how to do")
    ]
    savings: Annotated[int | None, Field(ge=1, description="How many it is about")]
    owed_by: Annotated[str, Field(description="The element whose holders owe it")]
    is_escalated: Annotated[
        bool,
        Field(description="Nobody holds the element it belongs to, or a card waited too long"),
    ]
    since: Time | None
    start: Annotated[Day | None, Field(description="The first day of a card's week")]
    end: Annotated[Day | None, Field(description="The day after its last one")]
    currency: Annotated[str | None, Field(description="Of a card, or of savings")]
    amount: Annotated[
        Money | None, Field(description="What a card is signed for; what is saved a month")
    ]
    pace: Annotated[str | None, Field(description="A card's week next to the approved budget")]
    due: Annotated[Time | None, Field(description="When a card's step goes up to another level")]
    acting_for: Annotated[str | None, Field(description="Who is absent, in whose place it is owed")]


class TaskPage(Told):
    items: list[Task]
    next_cursor: Cursor


class MissingOwner(Named):
    """An element that nobody holds while steps wait there."""

    year: Year
    goes_to: Annotated[str, Field(description="The element whose holders have them meanwhile")]
    tasks: Count


class MissingOwnerPage(Told):
    items: list[MissingOwner]
    next_cursor: Cursor


class RowError(Told):
    """What is wrong where in a file, and what to do."""

    row: int | None
    column: str | None
    detail: str
    value: str | None


class PeopleReport(Told):
    """What a file of people does."""

    rows: Count
    invited: list[Email]
    remapped: list[Email]
    unchanged: list[Email]
    errors: list[RowError]
    applied: bool


# Charts -------------------------------------------------------------------------------------------


class Chart(Told):
    """The chart of a year; totals are null for those who do not see the whole."""

    year: Year
    products: int | None
    annual: Money | None
    load_id: str | None
    changed_at: Time
    version: Version


class Charts(Told):
    items: list[Chart]


class Step(Told):
    """An annual amount from a day on; null: the product has ended."""

    start: Day
    annual: Money | None


class Product(Told):
    """A product of a chart."""

    product_id: Element
    names: Names
    starts: Day
    ends: Annotated[Day, Field(description="The day after its last one in the year")]
    steps: list[Step]
    proposed: TwelveMonths | None


class ProductPage(Told):
    year: Year
    labels: Labels
    items: list[Product]
    next_cursor: Cursor


class UploadLink(Told):
    """Where to put a file, for a quarter of an hour."""

    upload_id: str
    url: str


class FileLink(Told):
    """Where to get a file, for five minutes."""

    load_id: str
    url: str


class ChartLoad(Told):
    """A file that came, and what became of it."""

    load_id: str
    year: Annotated[int | None, Field(description="null: its name says none")]
    status: ChartLoadStatus
    file_name: str
    loaded_by: str
    loaded_at: Time
    chart_version: int | None
    rows: Count
    added: Count
    changed: Count
    ended: Count
    unchanged: Count
    flagged: Count
    errors: Count
    warnings: Count


class ChartLoadPage(Told):
    items: list[ChartLoad]
    next_cursor: Cursor


class ChartChange(Told):
    """What a file does to a product."""

    product_id: Element
    names: Names
    annual_before: Money | None
    annual_after: Money | None


class ChartCounts(Told):
    """How many products a file changes."""

    added: Count
    changed: Count
    ended: Count
    flagged: Annotated[int, Field(ge=0, description="Less than what is planned already")]
    unchanged: Count
    errors: Count


class ChartReport(Told):
    """What a file does: counts of all changes, and the first thousand of each kind."""

    file_name: str | None
    year: int | None
    starts: Day | None
    labels: Names | None
    rows: Count
    annual_before: Money
    annual_after: Money
    counts: ChartCounts
    added: list[ChartChange]
    changed: list[ChartChange]
    ended: list[ChartChange]
    flagged: list[ChartChange]
    errors: list[RowError]
    warnings: list[str]


class ReportedLoad(Told):
    """A file with its report; without a load it was a dry run."""

    load: ChartLoad | None
    report: ChartReport


# Budgets ------------------------------------------------------------------------------------------


class Schedule(Told):
    """Twelve months as they were approved."""

    number: Annotated[int, Field(ge=1)]
    months: TwelveMonths
    annual: Money
    submitted_by: Email
    approved_by: Email
    approved_at: Time
    reason: str | None


class Estimate(Told):
    """What a product is expected to cost in a month."""

    monthly: Money
    url: str
    stated_by: Email
    approved_by: Email | None


class Budget(Told):
    """A product's budget of a year."""

    product_id: Element
    year: Year
    status: BudgetStatus
    draft: TwelveMonths | None
    approved: Annotated[TwelveMonths | None, Field(description="The months in force")]
    planned: Money
    drafted_by: Email | None
    submitted_by: Email | None
    submitted_at: Time | None
    requested_by: Email | None
    reason: str | None
    schedules: Annotated[list[Schedule], Field(description="All ever approved, oldest first")]
    estimate: Estimate | None
    changed_at: Time | None
    version: Version


class Figures(Told):
    """A year: what is approved for it, what was spent, and what it is heading for."""

    annual: Money
    planned: Money
    unallocated: Annotated[Money, Field(description="annual less planned")]
    eoy_planned: Money
    eoy_forecast: Money
    spent: Money
    variance: Annotated[
        Money | None, Field(description="actual less approved, to date; positive is overspent")
    ]


class WholeBudget(Budget):
    """A budget with what the chart says of its product, and what the caller may do now."""

    names: Names
    proposed: TwelveMonths | None
    months: Annotated[list[Month], Field(min_length=12, max_length=12)]
    locked_months: Annotated[
        int, Field(ge=0, le=12, description="The first so many keep what was approved for them")
    ]
    figures: Figures
    workload_estimates: Annotated[
        list[Money | None],
        Field(
            min_length=12,
            max_length=12,
            description="By month, what its workloads should cost; null where none says",
        ),
    ]
    allowed: list[Command]


class BudgetInList(Told):
    product_id: Element
    names: Names
    status: BudgetStatus
    annual: Money
    planned: Money
    approved: TwelveMonths | None
    changed_at: Time | None
    version: Version


class BudgetPage(Told):
    year: Year
    items: list[BudgetInList]
    next_cursor: Cursor


class BudgetVersion(Told):
    """A state that a budget was in, and how it came about."""

    action: Command
    actor: Email
    at: Time
    reason: str | None
    budget: Budget


class BudgetVersionPage(Told):
    items: list[BudgetVersion]
    next_cursor: Cursor


class Node(Named):
    """An element's year, by month and as a whole."""

    products: Count
    budgeted_products: Count
    statuses: dict[BudgetStatus, int]
    figures: Figures
    approved: TwelveMonths
    spent: TwelveMonths
    variance: TwelveVariances
    unbudgeted_spend: Annotated[
        TwelveMonths, Field(description="What products without an approved budget spent")
    ]


class SpendBeside(Told):
    """Spend that is in no figure of a plan, by month in one currency."""

    currency: Currency
    months: TwelveMonths
    total: Money


class Plan(Node):
    """An element and its children; it is exactly their sum."""

    year: Year
    labels: Labels
    months: Annotated[list[Month], Field(min_length=12, max_length=12)]
    children: list[Node]
    unallocated: Annotated[
        list[SpendBeside], Field(description="What has no owner, for who sees the bill")
    ]
    other_currencies: Annotated[
        list[SpendBeside],
        Field(description="What owners spend in other currencies than that of plans"),
    ]


class Gate(Told):
    """What a portfolio demands before a schedule is submitted."""

    portfolio: Element
    estimate_approval_above: Money | None
    version: Version


# Audit --------------------------------------------------------------------------------------------


class AuditRecord(Told):
    """One change of one entity; `before` and `after` are its state, as the JSON that was sealed."""

    entity: Annotated[str, Field(examples=["budget#2026#retail.online.shop.web"])]
    sequence: Annotated[int, Field(ge=1)]
    at: Time
    actor: str
    action: str
    element: Annotated[str, Field(description="Who may see it, may see the record")]
    event: str | None
    event_element: Annotated[str | None, Field(description="Where it was done, if elsewhere")]
    reason: str | None
    request_id: str
    before: str | None
    after: str
    previous: str
    hash: str


class AuditPage(Told):
    items: list[AuditRecord]
    next_cursor: Cursor


class Finding(Told):
    """A place where a chain is broken."""

    entity: str
    sequence: int
    fault: str
    detail: str


class Verification(Told):
    """What was walked in one step."""

    chains: Count
    records: Count
    findings: list[Finding]
    next_cursor: Cursor


BUDGET = "/budgets/{year}/{product}"
ANSWERS: Answers = {
    ("get", "/me"): ("200", Me),
    ("get", "/tasks"): ("200", TaskPage),
    ("get", "/missing-owners"): ("200", MissingOwnerPage),
    ("get", "/people"): ("200", PersonPage),
    ("post", "/people"): ("201", Person),
    ("get", "/people/{email}"): ("200", Person),
    ("put", "/people/{email}"): ("200", Person),
    ("post", "/people/{email}/suspension"): ("200", Person),
    ("delete", "/people/{email}/suspension"): ("200", Person),
    ("post", "/people/{email}/reminders"): ("200", Person),
    ("post", "/people-loads"): ("200", PeopleReport),
    ("get", "/charts"): ("200", Charts),
    ("get", "/charts/{year}"): ("200", ProductPage),
    ("post", "/chart-uploads"): ("201", UploadLink),
    ("post", "/charts/{year}/loads"): ("200", ReportedLoad),
    ("get", "/charts/{year}/loads"): ("200", ChartLoadPage),
    ("get", "/chart-loads/{load_id}"): ("200", ReportedLoad),
    ("get", "/chart-loads/{load_id}/file"): ("200", FileLink),
    ("get", "/budgets/{year}"): ("200", BudgetPage),
    ("get", BUDGET): ("200", WholeBudget),
    ("put", f"{BUDGET}/draft"): ("200", Budget),
    ("post", f"{BUDGET}/decisions"): ("200", Budget),
    ("put", f"{BUDGET}/estimate"): ("200", Budget),
    ("get", f"{BUDGET}/versions"): ("200", BudgetVersionPage),
    ("get", "/plans/{year}/{element}"): ("200", Plan),
    ("get", "/gates/{portfolio}"): ("200", Gate),
    ("put", "/gates/{portfolio}"): ("200", Gate),
    ("get", "/audit"): ("200", AuditPage),
    ("get", "/audit/verification"): ("200", Verification),
}
