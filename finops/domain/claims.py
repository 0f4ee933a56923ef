"""Claims: the resources of an account that a workload pays for whole, and everyone who ever did."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Self

from finops.domain.errors import ConflictError, InvalidError, NotFoundError
from finops.domain.periods import BillingPeriod
from finops.domain.values import Entity, Frozen
from finops.domain.workloads import Workload

MOST_NAMED = 5  # of the resources that a refusal is about


def everything(product_id: str) -> bool:
    """Every product lies in the scope of whoever asks."""
    return True


class Claim(Frozen):
    """A resource is the workload's on the days [*start*, *end*); no *end*: until it is released."""

    account_id: str
    resource_id: str
    workload_id: str
    product_id: str
    start: date
    end: date | None = None
    claimed_by: str
    claimed_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None

    def __contains__(self, day: date) -> bool:
        return self.start <= day and (self.end is None or day < self.end)

    def as_known(self, at: datetime) -> "Claim | None":
        """This claim as it was known at a moment: perhaps not released, or not made yet."""
        if self.claimed_at > at:
            return None
        if self.released_at is not None and self.released_at > at:
            return self.model_copy(update={"end": None, "released_by": None, "released_at": None})
        return self


class AccountClaims(Entity):
    """Every claim on resources of an account, in the order they were made; none ever goes.

    What is looked up is kept: change one by its methods, not by `model_copy`.
    """

    account_id: str
    claims: tuple[Claim, ...] = ()

    @cached_property
    def _by_resource(self) -> dict[str, tuple[Claim, ...]]:
        found: defaultdict[str, list[Claim]] = defaultdict(list)
        for claim in self.claims:
            found[claim.resource_id].append(claim)
        return {resource: tuple(claims) for resource, claims in found.items()}

    def of(self, resource_id: str) -> tuple[Claim, ...]:
        """Who claimed a resource, and when: all its claims, oldest first."""
        return self._by_resource.get(resource_id, ())

    def on(self, resource_id: str, day: date, known_at: datetime | None = None) -> Claim | None:
        """The claim that covers a resource on *day*; as it was known at a moment, if one is given."""
        for claim in self.of(resource_id):
            known = claim if known_at is None else claim.as_known(known_at)
            if known is not None and day in known:
                return known
        return None

    def known(self, at: datetime | None) -> tuple[Claim, ...]:
        """All claims, as they were known at a moment, where one is given."""
        if at is None:
            return self.claims
        then = (claim.as_known(at) for claim in self.claims)
        return tuple(claim for claim in then if claim is not None)

    def held_by(self, workload_id: str, on: date) -> tuple[Claim, ...]:
        """The claims of a workload that cover a day."""
        return tuple(
            claim for claim in self.claims if claim.workload_id == workload_id and on in claim
        )

    def claimed(
        self,
        resources: Iterable[str],
        workload: Workload,
        *,
        start: date | None = None,
        open_from: date,
        by: str,
        at: datetime,
        sees: Callable[[str], bool] = everything,
    ) -> Self:
        """These claims and those of *workload* on *resources*: all of them, or none.

        They start on the next day, or earlier: *start* may go down to *open_from*, the first day of
        the open period. *sees* says which products the claimer may know of.

        Raises ConflictError naming a resource and who holds it (as far as the claimer may know),
        where another claim covers any day from the start on; InvalidError for any other start, a
        resource named twice, another account's workload, and one that has ended. Source:
        specification section 7.3.
        """
        wanted = tuple(resources)
        tomorrow = at.date() + timedelta(1)
        begins = tomorrow if start is None else start
        if not wanted:
            raise InvalidError("name the resources to claim")
        if workload.account_id != self.account_id:
            raise InvalidError(
                f"{workload.name} runs in account {workload.account_id}; it claims nothing of "
                f"account {self.account_id}"
            )
        if begins > tomorrow:
            raise InvalidError(f"a claim starts on {tomorrow} at the latest, not on {begins}")
        if begins < open_from:
            raise InvalidError(
                f"{begins} is before the open period; a claim starts on {open_from} or later"
            )
        if BillingPeriod.of(max(begins, at.date())) > workload.end:
            raise InvalidError(
                f"{workload.name} ended with {workload.end}; plan it to a later month, or claim for "
                "one that runs"
            )
        if twice := _repeated(wanted):
            raise InvalidError(f"{_some(twice)}: named twice; name each resource once")
        self._must_be_free(wanted, begins, sees)
        made = tuple(
            Claim(
                account_id=self.account_id,
                resource_id=resource,
                workload_id=workload.workload_id,
                product_id=workload.product_id,
                start=begins,
                claimed_by=by,
                claimed_at=at,
            )
            for resource in wanted
        )
        return self._with((*self.claims, *made))

    def released(
        self,
        resources: Iterable[str],
        *,
        by: str,
        at: datetime,
        sees: Callable[[str], bool] = everything,
    ) -> Self:
        """These claims with *resources* back in the account's shares from the next day; all or none.

        A claim that is released before its first day covers none. Raises NotFoundError naming the
        resources that nobody holds whom *sees* lets whoever releases them know of.
        """
        wanted = tuple(dict.fromkeys(resources))
        if not wanted:
            raise InvalidError("name the resources to release")
        held = {
            resource: next(
                (c for c in self.of(resource) if c.end is None and sees(c.product_id)), None
            )
            for resource in wanted
        }
        if free := [resource for resource, claim in held.items() if claim is None]:
            raise NotFoundError(
                f"{_some(free)}: claimed by nobody in your financial scope, so there is nothing "
                "to release"
            )
        tomorrow = at.date() + timedelta(1)
        released: dict[int, Claim] = {
            id(claim): claim.model_copy(
                update={"end": max(claim.start, tomorrow), "released_by": by, "released_at": at}
            )
            for claim in held.values()
            if claim is not None
        }
        return self._with(tuple(released.get(id(claim), claim) for claim in self.claims))

    def _must_be_free(
        self, resources: Iterable[str], start: date, sees: Callable[[str], bool]
    ) -> None:
        taken = [
            (resource, claim)
            for resource in resources
            for claim in self.of(resource)
            if claim.end is None or max(claim.start, start) < claim.end
        ]
        if taken:
            told = "; ".join(
                _held(resource, claim, is_seen=sees(claim.product_id))
                for resource, claim in taken[:MOST_NAMED]
            )
            more = f"; and {len(taken) - MOST_NAMED} more" if len(taken) > MOST_NAMED else ""
            raise ConflictError(f"{told}{more}; nothing was claimed")

    def _with(self, claims: tuple[Claim, ...]) -> Self:
        return type(self)(
            version=self.version, head=self.head, account_id=self.account_id, claims=claims
        )


def _held(resource: str, claim: Claim, *, is_seen: bool) -> str:
    until = "" if claim.end is None else f" up to {claim.end - timedelta(1)}"
    holder = (
        f"workload {claim.workload_id} of {claim.product_id} ({claim.claimed_by})"
        if is_seen
        else "a workload outside your financial scope"
    )
    return f"{resource} is claimed from {claim.start}{until} by {holder}"


def _repeated(names: tuple[str, ...]) -> list[str]:
    return [name for name, times in Counter(names).items() if times > 1]


def _some(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - MOST_NAMED} more" if len(listed) > MOST_NAMED else ""
    return ", ".join(listed[:MOST_NAMED]) + more
