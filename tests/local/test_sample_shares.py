"""The sample files of shares split the accounts of the sample bills, and one is wrong in each way."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from finops.domain.periods import BillingPeriod, spend_periods
from finops.domain.share_files import ShareFile, read
from finops.domain.shares import whole
from finops.local import organization
from finops.local.sample import SampleShares, write_shares
from finops.local.sample.chart import PRODUCTS
from finops.local.sample.shares import FIRST_DAY


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> SampleShares:
    return write_shares(tmp_path_factory.mktemp("shares"))


@pytest.fixture(scope="module")
def shares(files: SampleShares) -> ShareFile:
    return read(files.shares.read_text(encoding="utf-8-sig"))


@pytest.fixture(scope="module")
def names() -> Mapping[str, str]:
    """Of the accounts, by id."""
    return {one.account_id: name for name, one in organization.members().items()}


def test_every_account_of_the_file_is_split_whole_over_products(
    shares: ShareFile, names: Mapping[str, str]
) -> None:
    products = {product.id for product in PRODUCTS.values()}

    assert not shares.errors
    assert shares.accounts.keys() <= names.keys()
    for rows in shares.accounts.values():
        assert {row.product_id for row in rows} <= products
        whole((row.product_id, row.points) for row in rows)


def test_two_accounts_have_nobody_to_pay_for_them(
    shares: ShareFile, names: Mapping[str, str]
) -> None:
    unmapped = {name for id_, name in names.items() if id_ not in shares.accounts}

    assert unmapped == {"sandbox-innovation", "returns-development"}


def test_one_account_is_shared_three_ways(shares: ShareFile, names: Mapping[str, str]) -> None:
    three = {
        names[id_]: sorted(row.points for row in rows)
        for id_, rows in shares.accounts.items()
        if len(rows) == 3
    }

    assert three == {"shop-production": [1_500, 2_500, 6_000]}


def test_each_account_says_its_start_and_reason_once(shares: ShareFile) -> None:
    starts = [period.start for period in spend_periods(BillingPeriod(FIRST_DAY[:7]))]

    for rows in shares.accounts.values():
        (start,) = {row.start for row in rows} - {None}
        assert start in starts
        assert len({row.reason for row in rows} - {None}) == 1


def test_the_broken_file_is_99_99_percent_of_one_account_and_100_01_of_another(
    files: SampleShares, names: Mapping[str, str]
) -> None:
    accounts = read(files.broken.read_text(encoding="utf-8-sig")).accounts
    sums = {
        names.get(id_, "unknown"): sum(row.points for row in rows) for id_, rows in accounts.items()
    }

    assert sums["shop-production"] == 9_999
    assert sums["data-platform"] == 10_001


def test_an_id_that_a_spreadsheet_has_rounded_is_told_with_its_row(files: SampleShares) -> None:
    (error,) = read(files.broken.read_text(encoding="utf-8-sig")).errors

    assert (error.row, error.column, error.value) == (10, "account_id", "6.73445E+11")


def test_the_same_company_gets_the_same_bytes(files: SampleShares, tmp_path: Path) -> None:
    again = write_shares(tmp_path)

    assert again.shares.read_bytes() == files.shares.read_bytes()
    assert again.broken.read_bytes() == files.broken.read_bytes()
