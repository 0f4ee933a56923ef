"""Who pays for the invented company's accounts, as the files that its finance team makes."""

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from finops.domain.share_files import COLUMNS
from finops.local.sample.chart import PRODUCTS
from finops.local.sample.organisation import COMPANIES
from finops.local.sample.sources import account_id

FIRST_DAY = "2026-08-01"  # of the first month that is billed
REASON = "First mapping, as the owners agreed"
# Percent of an account by application. An account that is not here has nobody to pay for it.
SPLITS: Mapping[str, Mapping[str, str]] = {
    "management": {"governance": "100"},
    "shop-production": {"web-shop": "60", "orders": "25", "search": "15"},
    "payments-production": {"checkout": "100"},
    "warehouse-production": {"stock": "80", "picking": "20"},
    "delivery-production": {"routing": "75", "fleet": "25"},
    "data-platform": {"lakehouse": "66.67", "forecasting": "33.33"},
    "shared-network": {"network": "100"},
    "shared-security": {"security": "100"},
    "shop-preproduction": {"web-shop": "100"},
    "delivery-preproduction": {"routing": "100"},
    "shop-development": {"web-shop": "100"},
    "catalogue-legacy": {"catalogue": "100"},
}


@dataclass(frozen=True)
class SampleShares:
    """The file of all accounts' shares, and one that is refused."""

    shares: Path
    broken: Path


def write_shares(folder: Path, *, seed: int = 1) -> SampleShares:
    """Writes them to *folder*, for the accounts of the company whose bills *seed* makes."""
    folder.mkdir(parents=True, exist_ok=True)
    company = COMPANIES[(seed - 1) % len(COMPANIES)]
    files = SampleShares(
        shares=folder / f"{company}_shares.csv", broken=folder / f"{company}_shares_broken.csv"
    )
    _write(files.shares, list(_rows(seed)))
    _write(files.broken, list(_broken(seed)))
    return files


def _rows(seed: int) -> Iterator[list[str]]:
    for name, split in SPLITS.items():
        start, reason = FIRST_DAY, REASON
        for application, share in split.items():
            yield [account_id(name, seed), PRODUCTS[application].id, share, start, reason]
            start = reason = ""  # an account's are said once


def _broken(seed: int) -> Iterator[list[str]]:
    """What people send: the second account is right, each other one is wrong in a way of its own."""

    def row(account: str, product: str, share: str, start: str = FIRST_DAY) -> list[str]:
        return [account, product, share, start, ""]

    products = {application: product.id for application, product in PRODUCTS.items()}
    shop, data = account_id("shop-production", seed), account_id("data-platform", seed)
    yield row(shop, products["web-shop"], "60")
    yield row(shop, products["orders"], "24.99")
    yield row(shop, products["search"], "15")
    yield row(account_id("shared-network", seed), products["network"], "100")
    yield row(data, products["lakehouse"], "66.67")
    yield row(data, products["forecasting"], "33.34")
    yield row(account_id("shared-security", seed), "technology.platform.security", "100")
    yield row(account_id("catalogue-legacy", seed), products["web-shop"], "100", "2026-09-15")
    yield row("6.73445E+11", products["web-shop"], "100")
    yield row("123456789012", products["web-shop"], "100")


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    table = io.StringIO()
    csv.writer(table, lineterminator="\r\n").writerows([COLUMNS, *rows])
    # As a spreadsheet saves it: with a byte order mark.
    path.write_bytes(table.getvalue().encode("utf-8-sig"))
