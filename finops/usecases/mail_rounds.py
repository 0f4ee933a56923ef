"""A mail to each of many people, once however often this is asked."""

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Protocol, TypeVar

from finops.domain.values import Frozen
from finops.usecases.ports import Mail, Mails, Receipts

AT_ONCE = 8  # mails: more than the sender's rate would only wait
# How long it is known who had a mail of a day, of a week.
KEPT_A_DAY, KEPT_A_WEEK = timedelta(days=2), timedelta(days=10)


class Addressee(Protocol):
    """Somebody who gets mail: a person, or somebody who is only named."""

    @property
    def email(self) -> str: ...


Reader = TypeVar("Reader", bound=Addressee)


class Sent(Frozen):
    """What became of some mails, by address."""

    sent: tuple[str, ...] = ()
    failed: tuple[tuple[str, str], ...] = ()  # address, and why
    sent_before: tuple[str, ...] = ()


def sent_to_each(
    people: Iterable[Reader],
    key: Callable[[Reader], str],
    write: Callable[[Reader], Mail],
    *,
    mails: Mails,
    receipts: Receipts,
    kept: timedelta = KEPT_A_DAY,
) -> Sent:
    """A mail to each of *people*, once for each *key* as long as that is *kept*.

    Whoever takes the key sends the mail, so that no two runs do; a run that is killed in between
    leaves one mail unsent, rather than sending it twice. One that cannot be written or sent gives
    its key back for the next try, and keeps nobody else from theirs.
    """

    def became(person: Reader) -> tuple[str, str | None]:
        if not receipts.take(key(person), kept):
            return "Before", None
        try:
            mails.send(write(person))
        except Exception as error:
            receipts.release(key(person))
            return "Failed", f"{type(error).__name__}: {error}"
        return "Sent", None

    listed = list(people)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        done = list(zip(listed, pool.map(became, listed), strict=True))
    return Sent(
        sent=tuple(person.email for person, (what, _) in done if what == "Sent"),
        failed=tuple((person.email, str(why)) for person, (what, why) in done if what == "Failed"),
        sent_before=tuple(person.email for person, (what, _) in done if what == "Before"),
    )
