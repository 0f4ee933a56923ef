"""A mail to each of many people goes out once, also where two runs meet or one breaks off."""

from collections.abc import Callable
from datetime import timedelta

import pytest

from finops.domain.people import Role
from finops.usecases.mail_rounds import KEPT_A_WEEK, Sent, sent_to_each
from finops.usecases.ports import Mail
from tests.usecases.organisation import WEB_SHOP, Organisation

ADA, BEN = "ada@example.com", "ben@example.com"


@pytest.fixture
def organisation() -> Organisation:
    made = Organisation()
    for email in (ADA, BEN):
        made.hire(email, Role.PRODUCT_OWNER, [WEB_SHOP])
    return made


def send(
    organisation: Organisation, sending: Callable[[], object] = lambda: None, **said: timedelta
) -> Sent:
    """A round, with what happens while each mail is written."""

    def write(to: str) -> Mail:
        sending()
        return Mail(to=to, subject="Steps wait", text="Hello", html="<p>Hello</p>")

    return sent_to_each(
        organisation.people.all(),
        lambda person: f"round#{person.email}",
        lambda person: write(person.email),
        mails=organisation.mails,
        receipts=organisation.receipts,
        **said,
    )


def mailed(organisation: Organisation) -> list[str]:
    return sorted(mail.to for mail in organisation.mails.sent)


def test_a_round_is_made_once(organisation: Organisation) -> None:
    assert send(organisation).sent == (ADA, BEN)
    assert send(organisation).sent_before == (ADA, BEN)
    assert mailed(organisation) == [ADA, BEN]


def test_two_rounds_at_once_are_one_mail_each(organisation: Organisation) -> None:
    others: list[Sent] = []

    def meanwhile() -> None:
        if not others:
            others.append(Sent())
            others[0] = send(organisation)

    mine = send(organisation, meanwhile)

    assert sorted((*mine.sent, *others[0].sent)) == [ADA, BEN]
    assert mailed(organisation) == [ADA, BEN]


def test_a_round_that_is_killed_after_a_mail_went_out_does_not_send_it_again(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    deliver = organisation.mails.send

    def killed(mail: Mail) -> None:
        deliver(mail)
        raise KeyboardInterrupt

    monkeypatch.setattr(organisation.mails, "send", killed)
    with pytest.raises(KeyboardInterrupt):
        send(organisation)
    monkeypatch.setattr(organisation.mails, "send", deliver)
    send(organisation)

    assert mailed(organisation) == [ADA, BEN]


def test_a_mail_that_failed_is_for_the_next_round(organisation: Organisation) -> None:
    organisation.mails.bounces.add(BEN)
    first = send(organisation)
    organisation.mails.bounces.clear()
    second = send(organisation)

    assert (first.sent, [to for to, _ in first.failed]) == ((ADA,), [BEN])
    assert (second.sent, second.sent_before, second.failed) == ((BEN,), (ADA,), ())


def test_who_had_a_mail_is_known_as_long_as_it_is_said(
    organisation: Organisation, monkeypatch: pytest.MonkeyPatch
) -> None:
    take, kept = organisation.receipts.take, list[timedelta]()

    def watched(key: str, long: timedelta) -> bool:
        kept.append(long)
        return take(key, long)

    monkeypatch.setattr(organisation.receipts, "take", watched)
    send(organisation)
    send(organisation, kept=KEPT_A_WEEK)

    assert kept == [timedelta(2), timedelta(2), timedelta(10), timedelta(10)]
