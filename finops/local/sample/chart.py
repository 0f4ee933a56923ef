"""The invented company's chart of accounts and its people, as the files that its finance team makes."""

# ruff: noqa: E501  who has what is read as a table

import csv
import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from finops.domain.elements import element_id
from finops.domain.fiscal_years import FiscalYear
from finops.domain.people import Role
from finops.local.sample.organisation import COMPANIES

LABELS = ("Business unit", "Department", "Portfolio", "Product")
DOMAIN = "example"
# Percent of a year by month: shops sell in spring and before Christmas, the rest hardly changes.
SHOPS = (7, 6, 7, 9, 9, 8, 7, 7, 8, 9, 12, 11)
LEVEL = (8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 8)


class Product(NamedTuple):
    """What a budget belongs to: one of the applications, where it stands, and USD a year.

    `months` are percent of the year, and what is proposed; `owner` is who plans it.
    """

    application: str
    names: tuple[str, str, str, str]
    annual: int
    months: Sequence[int] | None
    owner: str | None

    @property
    def id(self) -> str:
        return element_id(self.names)


# fmt: off
PRODUCTS: Mapping[str, Product] = {
    product.application: product
    for product in (
        Product("web-shop", ("Retail", "Digital", "Storefront", "Web shop"), 780_000, SHOPS, "Mara Lindqvist"),
        Product("search", ("Retail", "Digital", "Storefront", "Search"), 72_000, SHOPS, "Theo Brandt"),
        Product("catalogue", ("Retail", "Digital", "Storefront", "Catalogue (legacy)"), 20_000, None, "Theo Brandt"),
        Product("loyalty", ("Retail", "Digital", "Customer", "Loyalty"), 30_000, None, "Aiko Tanabe"),
        Product("orders", ("Retail", "Commerce", "Orders & payments", "Orders"), 216_000, SHOPS, "Jonas Weiß"),
        Product("checkout", ("Retail", "Commerce", "Orders & payments", "Checkout"), 156_000, SHOPS, "Priya Raman"),
        Product("stock", ("Logistics", "Warehousing", "Warehouse", "Stock"), 138_000, LEVEL, "Elena Castro"),
        Product("picking", ("Logistics", "Warehousing", "Warehouse", "Picking"), 30_000, LEVEL, "Elena Castro"),
        Product("routing", ("Logistics", "Transport", "Delivery", "Routing"), 99_000, LEVEL, "Samuel Osei"),
        Product("fleet", ("Logistics", "Transport", "Delivery", "Fleet"), 20_400, None, "Samuel Osei"),
        Product("returns", ("Logistics", "Transport", "Delivery", "Returns, inbound"), 9_600, None, "Nora Haddad"),
        Product("lakehouse", ("Technology", "Data", "Analytics", "Lakehouse"), 348_000, LEVEL, "Piotr Nowak"),
        Product("forecasting", ("Technology", "Data", "Analytics", "Forecasting"), 78_000, LEVEL, "Lucía Fernández"),
        Product("network", ("Technology", "Platform", "Foundations", "Network"), 93_000, LEVEL, "Owen Blake"),
        Product("security", ("Technology", "Platform", "Foundations", "Security"), 93_000, LEVEL, "Hana Suzuki"),
        Product("governance", ("Technology", "Platform", "Foundations", "Governance"), 6_000, None, "Hana Suzuki"),
        Product("ideas", ("Technology", "Platform", "Innovation", "Ideas"), 24_000, None, None),
    )
}
# Who answers for more than a product.
PORTFOLIO_OWNERS: Mapping[tuple[str, ...], str] = {
    ("Retail", "Digital", "Storefront"): "Ingrid Solheim",
    ("Retail", "Digital", "Customer"): "Marcus Reed",
    ("Retail", "Commerce", "Orders & payments"): "Chiara Conti",
    ("Logistics", "Warehousing", "Warehouse"): "David Mensah",
    ("Logistics", "Transport", "Delivery"): "Freya Holm",
    ("Technology", "Data", "Analytics"): "Rafael Duarte",
    ("Technology", "Platform", "Foundations"): "Grace Kim",
    ("Technology", "Platform", "Innovation"): "Grace Kim",
}
# fmt: on
DEPARTMENT_OWNER = (("Retail", "Digital"), "Oliver Grant")
BUSINESS_UNIT_OWNER = (("Retail",), "Amélie Rousseau")
VENDOR_MANAGER = "Victor Lang"

# From the first day of the second half: amounts of some, and something new.
SECOND_HALF: Mapping[str, int] = {"web-shop": 840_000, "lakehouse": 312_000, "forecasting": 84_000}
NEW_PRODUCT = (("Retail", "Digital", "Customer", "Personalisation"), 18_000)


@dataclass(frozen=True)
class SampleOrganisation:
    """The files of a sample organisation: what to load, in order, and one that is refused."""

    chart: Path
    change: Path
    broken: Path
    people: Path

    @property
    def paths(self) -> tuple[Path, ...]:
        return (self.chart, self.change, self.broken, self.people)


def write_organisation(
    folder: Path, *, year: int = 2026, company: str = COMPANIES[0]
) -> SampleOrganisation:
    """Writes them to *folder*, for fiscal year *year*, which starts in January."""
    folder.mkdir(parents=True, exist_ok=True)
    half = f"{year}-07-01"
    files = SampleOrganisation(
        chart=folder / f"{company}_{year}_true_{year}-01-01_false_Budget_v1.csv",
        change=folder / f"{company}_{year}_false_{half}_false_Budget_v2.csv",
        broken=folder / f"{company}_{year}_false_{half}_false_Budget_v3.csv",
        people=folder / f"{company}_people.csv",
    )
    months = FiscalYear(year).months
    rows = [_row(product) for product in PRODUCTS.values()]
    header = [*LABELS, f"Annual {year}", *(f"Proposed {month}" for month in months)]
    _write(files.chart, [header, *rows])
    _write(files.change, [header[:5], *_changed()])
    _write(files.broken, [header[:5], *BROKEN])
    _write(files.people, [["email", "role", "scope", "name"], *_people(company)])
    return files


def address(name: str, company: str = COMPANIES[0]) -> str:
    """The mail address of somebody of *company*.

    >>> address("Lucía Fernández")
    'lucia.fernandez@fernhollow.example'
    """
    return f"{element_id([name]).replace('-', '.')}@{company.lower()}.{DOMAIN}"


def _row(product: Product) -> list[str]:
    months = [product.annual * percent for percent in product.months or ()]  # cents
    proposed = [_cents(month) for month in months] or [""] * 12
    return [*product.names, _cents(product.annual * 100), *proposed]


def _changed() -> Iterator[list[str]]:
    for application, annual in SECOND_HALF.items():
        yield [*PRODUCTS[application].names, _cents(annual * 100)]
    names, annual = NEW_PRODUCT
    yield [*names, _cents(annual * 100)]


# What people send: each row is wrong in a way of its own, but for the first.
BROKEN = (
    ("Retail", "Digital", "Storefront", "Web shop", "900000.00"),
    ("Retail", "Digital", "Storefront", "Search", "72,000.00"),
    ("Retail", "Digital", "Customer", "Loyalty", "30.000,00"),
    ("Retail", "Digital", "Customer", "Loyalty", "32000.00"),
    ("Retail", "Commerce", "Orders & payments", "Checkout", "-1200.00"),
    ("Logistics", "Warehousing", "Warehouse", "Stock", "USD 138000"),
    ("Logistics", "Warehousing", "", "Picking", "30000.00"),
    ("Logistics; Transport; Delivery; Routing; 99000.00",),
    ("Technology", "Platform", "Innovation", "Lakehouse", "12000.00"),
    ("Retail", "Digital", "storefront", "Catalogue (legacy)", "18000.00"),
)


def _people(company: str) -> Iterator[list[str]]:
    def row(name: str, role: Role, *scope: str) -> list[str]:
        return [address(name, company), role.value, ";".join(scope), name]

    yield row(VENDOR_MANAGER, Role.VENDOR_MANAGER)
    yield row(BUSINESS_UNIT_OWNER[1], Role.BUSINESS_UNIT_OWNER, element_id(BUSINESS_UNIT_OWNER[0]))
    yield row(DEPARTMENT_OWNER[1], Role.DEPARTMENT_OWNER, element_id(DEPARTMENT_OWNER[0]))
    for name in dict.fromkeys(PORTFOLIO_OWNERS.values()):
        held = [element_id(names) for names, owner in PORTFOLIO_OWNERS.items() if owner == name]
        yield row(name, Role.PORTFOLIO_OWNER, *held)
    for owner in dict.fromkeys(p.owner for p in PRODUCTS.values() if p.owner):
        held = [product.id for product in PRODUCTS.values() if product.owner == owner]
        yield row(owner, Role.PRODUCT_OWNER, *held)


def _cents(amount: int) -> str:
    return f"{amount // 100}.{amount % 100:02}"


def _write(path: Path, rows: Sequence[Sequence[str]]) -> None:
    table = io.StringIO()
    csv.writer(table, lineterminator="\r\n").writerows(rows)
    # As a spreadsheet saves it: with a byte order mark.
    path.write_bytes(table.getvalue().encode("utf-8-sig"))
