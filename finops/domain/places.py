"""Where the ledger keeps things: the names of its files, which every part of the product shares."""

from urllib.parse import quote


def work(load: str, name: str) -> str:
    """Something a load needs on its way; gone a week later."""
    return f"work/{load}/{name}"


def generation(payer: str, period: str, load: str) -> str:
    """The prefix of one generation of a bill: never written again once it is published.

    >>> generation("111122223333", "2026-09", "4f1c")
    'ledger/payer=111122223333/billing_period=2026-09/load=4f1c'
    """
    return f"ledger/payer={quoted(payer)}/billing_period={period}/load={load}"


def allocation(payer: str, period: str, run: str) -> str:
    """The prefix of what one allocation run made: never written again in another way.

    >>> allocation("111122223333", "2026-09", "0c3e")
    'allocations/payer=111122223333/billing_period=2026-09/run=0c3e'
    """
    return f"allocations/payer={quoted(payer)}/billing_period={period}/run={run}"


def preview(preview_id: str, name: str) -> str:
    """Something about a preview; gone after a month."""
    return f"previews/{preview_id}/{name}"


def account_folder(account: str | None) -> str:
    """The part of a generation that holds one account; charges of no account have their own.

    >>> account_folder("444455556666"), account_folder(None)
    ('account=444455556666', 'account=')
    """
    return f"account={'' if account is None else quoted(account)}"


def quoted(name: str) -> str:
    """*name* as a part of a key: the ids of some providers hold slashes and colons."""
    return quote(name, safe="")
