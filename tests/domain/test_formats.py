"""A format is told by its columns, whatever its folder is called."""

import pytest

from finops.domain.errors import RefusedError
from finops.domain.formats import BillFormat, recognise


@pytest.mark.parametrize(
    "columns, told",
    [
        (["line_item_unblended_cost", "bill_payer_account_name"], BillFormat.CUR2),
        (["line_item_unblended_cost", "resource_tags"], BillFormat.CUR2),
        (["line_item_unblended_cost", "tags"], BillFormat.CUR2),
        (["line_item_unblended_cost", "product"], BillFormat.CUR2),
        (["lineItem/UnblendedCost", "resourceTags/user:Team"], BillFormat.LEGACY),
        (["line_item_unblended_cost", "resource_tags_user_team"], BillFormat.LEGACY),
        (["LineItem/UnblendedCost"], BillFormat.LEGACY),
        (["BilledCost", "line_item_unblended_cost"], BillFormat.FOCUS),
    ],
)
def test_columns_tell_the_format(columns: list[str], told: BillFormat) -> None:
    assert recognise(columns) is told
    assert recognise(columns[::-1]) is told


@pytest.mark.parametrize("columns", [[], ["date", "amount"], ["line_item_blended_cost"]])
def test_a_table_without_a_known_cost_is_no_bill(columns: list[str]) -> None:
    with pytest.raises(RefusedError, match="no known bill: neither BilledCost"):
        recognise(columns)


def test_the_refusal_shows_the_columns_that_were_found() -> None:
    with pytest.raises(RefusedError, match=r"\(amount, date …\)"):
        recognise(["date", "amount"])
