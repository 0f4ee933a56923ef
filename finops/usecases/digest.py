"""The digest: one mail a day to whoever owes a step, about all of them."""

import html
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from string import Template

from finops.domain.accounts import AccountTask, Need
from finops.domain.allocation_tasks import AllocationStep, AllocationTask
from finops.domain.card_tasks import CardStep
from finops.domain.charts import Chart
from finops.domain.money import from_ticks
from finops.domain.people import Person
from finops.domain.saving_tasks import SavingStep, SavingTask
from finops.domain.tasks import Task, TaskKind
from finops.domain.values import Frozen
from finops.usecases.card_tasks import OwedCard
from finops.usecases.mail_rounds import Sent, sent_to_each
from finops.usecases.ports import Mail, Mails, Receipts
from finops.usecases.tasks import Office, Owed, work

PAPER = (
    "font-family:Helvetica,Arial,sans-serif;font-size:15px;line-height:1.5;color:#1a1a1a;"
    "max-width:640px;margin:0 auto;padding:24px"
)
SHOWN = 10  # tasks of each kind named in a mail
Kind = TaskKind | Need | AllocationStep | CardStep | SavingStep
WORDS: Mapping[Kind, tuple[str, str]] = {
    CardStep.ACCEPT_CARD: ("Accept or dispute spend cards", "What a product cost in a week"),
    CardStep.ANSWER_REJECTION: ("Answer rejected cards", "Accept them again, or dispute them"),
    CardStep.DECIDE_CARD: ("Approve or reject spend cards", "Accepted, and waiting for you"),
    CardStep.RESOLVE_DISPUTE: ("Resolve disputed cards", "Their owners do not agree"),
    TaskKind.DRAFT_SCHEDULE: ("Plan the year", "No month is planned yet"),
    TaskKind.SUBMIT_SCHEDULE: ("Submit your draft", "Planned, and not submitted yet"),
    TaskKind.CORRECT_SCHEDULE: ("Correct the schedule", "It was rejected"),
    TaskKind.RESCHEDULE: ("Reschedule", "The request was approved: plan the other months anew"),
    TaskKind.FIT_SCHEDULE: ("Fit the schedule", "More is planned than the annual amount is now"),
    TaskKind.DECIDE_SCHEDULE: ("Approve or reject schedules", "Submitted, and waiting for you"),
    TaskKind.DECIDE_RESCHEDULE: ("Answer reschedule requests", "Asked for, and waiting for you"),
    TaskKind.APPROVE_ESTIMATE: ("Approve estimates", "Stated, and waiting for you"),
    TaskKind.APPOINT_OWNER: ("Appoint owners", "Steps wait there, and nobody holds the element"),
    Need.SET_TYPE: ("Say what accounts are for", "They are new"),
    Need.CHECK_TYPE: ("Check what accounts are for", "They have another name"),
    Need.CHECK_SHARES: ("Check who pays for accounts", "They moved, were suspended or came back"),
    Need.END_SHARES: ("End what is paid for accounts", "They were closed or have left"),
    AllocationStep.MAP_ACCOUNT: ("Say who pays for accounts", "They have no split in force"),
    AllocationStep.RENEW_SHARES: ("Renew who pays for accounts", "Their splits end with the year"),
    AllocationStep.MAP_CREDIT: ("Say whose credits are", "They were found on a bill"),
    SavingStep.IMPLEMENT_SAVING: ("Implement savings", "Approved, and waiting to be done"),
    SavingStep.DECIDE_SAVINGS: ("Approve or ignore savings", "AWS recommends them; the large ones"),
}


class Letterhead(Frozen):
    """What an organisation sets about its mails; *text* is shown above the tasks."""

    subject: str
    text: str
    logo: str | None = None
    app_url: str | None = None


def send_digests(
    now: datetime, letterhead: Letterhead, *, office: Office, receipts: Receipts, mails: Mails
) -> Sent:
    """A mail to each person who owes anything, once a day however often this is asked.

    A mail that cannot be sent keeps nobody else from theirs; it is named, and the run fails.
    """
    found = work(now.date(), office)
    return sent_to_each(
        [person for person in office.people.all() if found.of(person)],
        lambda person: f"digest#{now.date()}#{person.email}",
        lambda person: digest(person, found.of(person), found.named, letterhead),
        mails=mails,
        receipts=receipts,
    )


def digest(
    person: Person, owed: Sequence[Owed], charts: Mapping[int, Chart], letterhead: Letterhead
) -> Mail:
    """The mail to one person: what is owed, by kind, the longest waiting first."""
    counts = Counter(map(_kind, owed))
    kinds = [kind for kind in WORDS if kind in counts]
    said = {"count": str(len(owed)), "name": person.name or person.email}
    text = Template(letterhead.text).safe_substitute(said)
    subject = Template(letterhead.subject).safe_substitute(said)
    blocks = [(kind, _named(kind, owed, charts), counts[kind]) for kind in kinds]
    return Mail(
        to=person.email,
        subject=" ".join(subject.split()),
        html=_html(text, blocks, letterhead),
        text="\n".join(_plain(text, blocks, letterhead)),
    )


def _kind(task: Owed) -> Kind:
    return task.need if isinstance(task, AccountTask) else task.kind


def _named(kind: Kind, owed: Sequence[Owed], charts: Mapping[int, Chart]) -> list[str]:
    mine = [task for task in owed if _kind(task) is kind]
    mine.sort(key=lambda task: (task.since is None, task.since, _about(task)))
    return [_line(task, charts) for task in mine[:SHOWN]]


def _about(task: Owed) -> str:
    match task:
        case AccountTask():
            return task.account_id
        case AllocationTask() | SavingTask():
            return task.about
        case OwedCard():
            return f"{task.card.product_id} {task.card.start}"
        case Task():
            return task.element


def _line(task: Owed, charts: Mapping[int, Chart]) -> str:
    if isinstance(task, OwedCard):
        return card_line(task, charts)
    if isinstance(task, SavingTask):
        saves = f"saves {amount(task.amount, task.currency)} a month"
        named = ", ".join(told for told in (task.name, task.account_id) if told)
        return f"{named} ({saves}, since {task.since:%Y-%m-%d})"
    if not isinstance(task, Task):
        named = ", ".join(told for told in (task.name, task.account_id) if told)
        what = f"{task.kind}, " if isinstance(task, AccountTask) else ""
        return f"{named} ({what}since {task.since:%Y-%m-%d})"
    chart = charts[task.year]
    parts = task.element.split(".")
    path = " / ".join(chart.names(".".join(parts[:up])) for up in range(1, len(parts) + 1))
    since = f", since {task.since:%Y-%m-%d}" if task.since else ""
    escalated = ", escalated to you" if task.is_escalated else ""
    return f"{path} ({task.year}{since}{escalated})"


def card_line(owed: OwedCard, charts: Mapping[int, Chart]) -> str:
    """A card in a line: "Web shop, week of 2026-08-09: 1,234.56 USD, far over budget"."""
    card = owed.card
    about = [f"{amount(card.amount, card.currency)}, {card.colour.word}"]
    if owed.task.is_escalated:
        about.append("escalated")
    if owed.acting_for is not None:
        about.append(f"in the place of {owed.acting_for}")
    if owed.due is not None:
        about.append(f"due by {owed.due:%Y-%m-%d}")
    named = product_name(card.product_id, charts.get(owed.year))
    return f"{named}, week of {card.start}: {', '.join(about)}"


def product_name(product_id: str, chart: Chart | None) -> str:
    """What a product is called in a chart; the last part of its id where it is in none."""
    product = chart.product(product_id) if chart else None
    return product.names[-1] if product else product_id.rpartition(".")[2]


def amount(ticks: int, currency: str | None) -> str:
    """*ticks* as people read them, to the cent.

    >>> amount(12_345_600_000_000, "USD")
    '1,234.56 USD'
    """
    return " ".join(told for told in (f"{from_ticks(ticks):,.2f}", currency) if told)


def _plain(
    text: str, blocks: Sequence[tuple[Kind, list[str], int]], letterhead: Letterhead
) -> Iterator[str]:
    yield text
    for kind, lines, count in blocks:
        title, about = WORDS[kind]
        yield f"\n{title} ({count}). {about}:"
        yield from (f"  - {line}" for line in lines)
        if count > len(lines):
            yield f"  … and {count - len(lines)} more"
    if letterhead.app_url:
        yield f"\n{letterhead.app_url}"


def _html(text: str, blocks: Sequence[tuple[Kind, list[str], int]], letterhead: Letterhead) -> str:
    parts = [f'<div style="{PAPER}">']
    if letterhead.logo:
        source = html.escape(letterhead.logo, quote=True)
        parts.append(f'<p><img src="{source}" alt="" style="max-height:48px"></p>')
    parts += [f"<p>{html.escape(line)}</p>" for line in text.split("\n") if line.strip()]
    for kind, lines, count in blocks:
        title, about = WORDS[kind]
        parts.append(
            '<h2 style="font-size:17px;margin:24px 0 4px;border-bottom:1px solid #c8c8c8;'
            f'padding-bottom:4px">{html.escape(title)} <span style="color:#595959;'
            f'font-weight:normal">({count})</span></h2>'
            f'<p style="color:#595959;margin:4px 0">{html.escape(about)}</p>'
            '<ul style="margin:8px 0;padding-left:20px">'
        )
        parts += [f"<li>{html.escape(line)}</li>" for line in lines]
        if count > len(lines):
            parts.append(f"<li>… and {count - len(lines)} more</li>")
        parts.append("</ul>")
    if letterhead.app_url:
        address = html.escape(letterhead.app_url, quote=True)
        parts.append(
            f'<p style="margin-top:24px"><a href="{address}" style="background:#0b5cad;'
            'color:#fff;padding:10px 16px;text-decoration:none;border-radius:4px">'
            "Open the FinOps Center</a></p>"
        )
    parts.append("</div>")
    return "\n".join(parts)
