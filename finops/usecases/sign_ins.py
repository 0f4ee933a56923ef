"""Sign-ins follow the records of people: made, allowed, forbidden."""

from finops.domain.people import PersonStatus
from finops.usecases.ports import People, SignIns


def keep_sign_in(email: str, event: str, *, people: People, sign_ins: SignIns) -> str | None:
    """Make the sign-in of *email* what their record says now, however late the event comes.

    What it is now; None for somebody who has no record.
    """
    person = people.find(email)
    if person is None:
        return None
    # By the pool's own names for them too: who changed their address is found by these.
    names = dict.fromkeys((*person.sign_ins, email))
    match person.status:
        case PersonStatus.SUSPENDED:
            for name in names:
                sign_ins.forbid(name)
        case PersonStatus.INVITED:
            if event == "PersonRestored":
                sign_ins.allow(email)
            sign_ins.invite(email, again=event == "PersonReminded")
        case PersonStatus.ACTIVE:
            for name in names:
                sign_ins.allow(name)
    return person.status.value
