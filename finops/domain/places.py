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


def card_document(product: str, start: str, digest: str) -> str:
    """The lines of a card that has too many to be kept with it."""
    return f"cards/{quoted(product)}/{start}/{digest}.json.gz"


def close_snapshot(month: str, sha256: str) -> str:
    """The figures that a month is closed with, in the bucket of closes."""
    return f"snapshots/{month}/{sha256}.json.gz"


def close_seals(month: str, sha256: str) -> str:
    """What the files of a close are known by, while nobody sees them yet."""
    return f"seals/{month}/{sha256}.json"


def close_file(month: str, name: str, sha256: str) -> str:
    """A file of a close by its content: what another attempt wrote is another object.

    >>> close_file("2026-08", "Journal.csv", "9f86d0")
    'files/2026-08/9f86d0/Journal.csv'
    """
    return f"files/{month}/{sha256}/{quoted(name)}"


def close_corrections(month: str, sha256: str) -> str:
    """What later bills change of a closed month, as an open one has booked it."""
    return f"corrections/{month}/{sha256}.json.gz"


def account_folder(account: str | None) -> str:
    """The part of a generation that holds one account; charges of no account have their own.

    >>> account_folder("444455556666"), account_folder(None)
    ('account=444455556666', 'account=')
    """
    return f"account={'' if account is None else quoted(account)}"


def quoted(name: str) -> str:
    """*name* as a part of a key: the ids of some providers hold slashes and colons."""
    return quote(name, safe="")
