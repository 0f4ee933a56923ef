"""The formats a bill comes in, told apart by the columns a file has."""

from collections.abc import Collection
from enum import StrEnum

from finops.domain.errors import RefusedError
from finops.domain.tags import normalised


class BillFormat(StrEnum):
    """Which export of AWS (or of another provider) a file is."""

    CUR2 = "CUR 2.0"
    LEGACY = "Legacy CUR"
    FOCUS = "FOCUS"


def recognise(columns: Collection[str]) -> BillFormat:
    """The format of a file that has *columns*; folder and file names say nothing reliable.

    >>> recognise(["BilledCost", "SubAccountId"]).value
    'FOCUS'
    >>> recognise(["lineItem/UnblendedCost", "lineItem/UsageAccountId"]).value
    'Legacy CUR'

    Raises RefusedError where no cost column is known. Source: `billing-data.md` section 1, after
    the test of the Cloud Intelligence Dashboards.
    """
    if "BilledCost" in columns:
        return BillFormat.FOCUS
    names = {normalised(column) for column in columns}
    if "line_item_unblended_cost" not in names:
        shown = ", ".join(sorted(columns)[:5]) or "none at all"
        raise RefusedError(
            "no known bill: neither BilledCost (FOCUS) nor line_item_unblended_cost (CUR) is among "
            f"its columns ({shown} …); export with all columns, or name the file's format"
        )
    is_cur2 = bool({"bill_payer_account_name", "resource_tags", "tags", "product"} & names)
    return BillFormat.CUR2 if is_cur2 else BillFormat.LEGACY
