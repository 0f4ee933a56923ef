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


def cube(payer: str, period: str, run: str, tags: str) -> str:
    """The prefix of the spend cube of one allocation run, by one digest of the tag settings.

    >>> cube("111122223333", "2026-09", "0c3e", "9b1d")
    'cubes/payer=111122223333/billing_period=2026-09/run=0c3e/tags=9b1d'
    """
    return f"cubes/payer={quoted(payer)}/billing_period={period}/run={run}/tags={tags}"


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


def savings_snapshot(day: str, source: str, sha256: str) -> str:
    """What a source recommended on a day, by its content.

    >>> savings_snapshot("2026-09-20", "Export 111122223333", "9f86d0")
    'savings/date=2026-09-20/source=Export%20111122223333/9f86d0.jsonl.gz'
    """
    return f"savings/date={day}/source={quoted(source)}/{sha256}.jsonl.gz"


def saving_usages(payer: str, period: str, load: str, digest: str) -> str:
    """What the resources of savings used in a month of a bill, by one digest of which they are.

    >>> saving_usages("111122223333", "2026-09", "4f1c", "9b1d")
    'savings/usages/payer=111122223333/billing_period=2026-09/load=4f1c/9b1d.json'
    """
    root = f"savings/usages/payer={quoted(payer)}/billing_period={period}"
    return f"{root}/load={load}/{digest}.json"


def realised_savings(sha256: str) -> str:
    """What savings have realised, by its content."""
    return f"savings/realised/{sha256}.json"


def cost_report(rhythm: str, end: str, digest: str, name: str) -> str:
    """A file of a cost report as it was made, by what it says.

    >>> cost_report("weekly", "2026-03-08", "9f86d0", "report.html")
    'reports/cost/weekly/2026-03-08/9f86d0/report.html'
    """
    return f"reports/cost/{rhythm}/{end}/{digest}/{name}"


def account_folder(account: str | None) -> str:
    """The part of a generation that holds one account; charges of no account have their own.

    >>> account_folder("444455556666"), account_folder(None)
    ('account=444455556666', 'account=')
    """
    return f"account={'' if account is None else quoted(account)}"


def quoted(name: str) -> str:
    """*name* as a part of a key: the ids of some providers hold slashes and colons."""
    return quote(name, safe="")
