"""Tag hygiene of a month: coverage, what lacks a tag, keys and values, and commands to fix it."""

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta
from functools import cache, partial
from pathlib import Path
from typing import NamedTuple

from finops.domain.authorization import Action, may
from finops.domain.bills import Bill
from finops.domain.class_policies import CostBasis
from finops.domain.errors import InvalidError
from finops.domain.look_alikes import LookAlike, look_alikes
from finops.domain.people import Person
from finops.domain.periods import BillingPeriod
from finops.domain.places import generation
from finops.domain.resources import Generation
from finops.domain.tag_commands import Missing, TagCommand, Unfixable, commands, settable
from finops.domain.tag_coverage import (
    OTHERS,
    Coverage,
    CoverageBy,
    KeyUse,
    Owners,
    Untaggable,
    Untagged,
    ValueUse,
    is_rare,
)
from finops.domain.tag_settings import MOST_KEYS
from finops.domain.tags import collisions
from finops.ledger import tag_coverage
from finops.ledger.inventory import Inventory
from finops.usecases.organisation_settings import in_force
from finops.usecases.resources import Stock, View, look

CUBE = "cube-"
READERS = 32
MOST_FIXED = 2_000  # resources that one answer has commands for
MOST_UNTAGGED = 1_000


class TagDesk(NamedTuple):
    """Where tags are looked up; *basis* is the cost that owners pay."""

    stock: Stock
    inventory: Inventory
    basis: CostBasis


class CoverageTold(NamedTuple):
    """Coverage of some keys by something; no *month*: there is no bill at all."""

    month: str | None
    by: CoverageBy
    keys: tuple[str, ...]
    found: Sequence[Coverage]
    bills: Sequence[Bill]
    basis: CostBasis


class UntaggedTold(NamedTuple):
    """The dearest resources that lack a key; without any *keys*, that have no tag."""

    month: str | None
    keys: tuple[str, ...]
    found: Sequence[Untagged]
    bills: Sequence[Bill]


class KeySeen(NamedTuple):
    """A key, what it means where it is another spelling, and what it looks like."""

    use: KeyUse
    means: str | None
    like: LookAlike | None
    is_required: bool
    is_rare: bool


class KeysTold(NamedTuple):
    """All keys; *alike* are those that AWS's normalised spelling cannot tell apart.

    Keys and aliases of the settings that no resource has are *unused*.
    """

    month: str | None
    found: Sequence[KeySeen]
    alike: Sequence[tuple[str, ...]]
    unused: Sequence[str]
    is_whole: bool
    bills: Sequence[Bill]


class ValueSeen(NamedTuple):
    """A value of a key, what it means where it is another spelling, and what it looks like."""

    use: ValueUse
    means: str | None
    like: LookAlike | None
    is_rare: bool


class ValuesTold(NamedTuple):
    """The values of a key; *is_whole*: all were looked at for others that they look like."""

    month: str | None
    key: str
    found: Sequence[ValueSeen]
    is_whole: bool
    bills: Sequence[Bill]


class CommandsTold(NamedTuple):
    """Commands for the dearest resources that lack a key, of so many (*lacking*) that do."""

    month: str | None
    key: str
    made: Sequence[TagCommand]
    others: Sequence[Unfixable]
    lacking: int
    bills: Sequence[Bill]


class TagReport(NamedTuple):
    """All of it together, as it is printed."""

    coverage: Mapping[CoverageBy, CoverageTold]
    untagged: UntaggedTold
    keys: KeysTold


def coverage_of(
    by_what: CoverageBy,
    keys: Sequence[str] = (),
    *,
    month: str | None = None,
    by: Person,
    today: date,
    desk: TagDesk,
) -> CoverageTold:
    """How much of a month's resources has *keys*, or those that are required; of what *by* sees."""
    frame = _Frame(month, (), by, today, desk)
    wanted = frame.wanted(keys)
    return CoverageTold(
        *(frame.month, by_what, wanted),
        frame.coverage(by_what, wanted),
        *(frame.bills, desk.basis),
    )


def untagged_of(
    keys: Sequence[str] = (),
    *,
    top: int,
    month: str | None = None,
    by: Person,
    today: date,
    desk: TagDesk,
) -> UntaggedTold:
    """The *top* resources of each currency that lack one of *keys*, or of those required."""
    frame = _Frame(month, (), by, today, desk)
    wanted = frame.wanted(keys)
    return UntaggedTold(frame.month, wanted, frame.untagged(wanted, top), frame.bills)


def keys_of(*, month: str | None = None, by: Person, today: date, desk: TagDesk) -> KeysTold:
    """Every key that a resource has, as it is spelled, and which of them may be one."""
    return _Frame(month, (), by, today, desk).keys()


def values_of(
    key: str, *, month: str | None = None, by: Person, today: date, desk: TagDesk
) -> ValuesTold:
    """The values of a key, whichever way it is spelled; none where nothing that *by* sees has it."""
    frame = _Frame(month, (), by, today, desk)
    frame.wanted((key,))
    found = frame.values(key)
    aliases = frame.settings.aliases
    meant = aliases.key(key)
    means = {one.alias: one.value for one in aliases.values if one.key == meant}
    names = tuple(one.value for one in found if one.value not in means)
    # A hundred thousand take seconds, and each page of them asks again.
    alike = desk.stock.memo.of("values alike", names, lambda: look_alikes(names))
    like = {one.name: one for one in alike.found}
    every = sum(one.resources for one in found)
    told = [
        ValueSeen(one, means.get(one.value), like.get(one.value), is_rare(one.resources, every))
        for one in found
    ]
    return ValuesTold(frame.month, meant, told, alike.is_whole, frame.bills)


def commands_of(
    key: str,
    accounts: Sequence[str] = (),
    *,
    top: int = MOST_FIXED,
    month: str | None = None,
    by: Person,
    today: date,
    desk: TagDesk,
) -> CommandsTold:
    """What to type so that the dearest *top* resources have the tag *key*.

    Raises InvalidError for a key that nobody can set on a resource.
    """
    if not 1 <= top <= MOST_FIXED:
        raise InvalidError(f"top is {top}; ask for 1 to {MOST_FIXED} resources")
    frame = _Frame(month, accounts, by, today, desk)
    frame.wanted((key,))
    meant = frame.settings.aliases.key(key)
    if settable(meant) is None:
        raise InvalidError(
            f"key {meant}: nobody can set it on a resource; AWS's own keys and those of accounts "
            "are not set there"
        )
    missing, lacking = frame.to_fix(meant, top)
    made, others = commands(meant, missing)
    return CommandsTold(frame.month, meant, made, others, lacking, frame.bills)


def report_of(
    *, month: str | None = None, top: int = 25, by: Person, today: date, desk: TagDesk
) -> TagReport:
    """A month's tags on a few pages."""
    frame = _Frame(month, (), by, today, desk)
    wanted = frame.wanted(())
    return TagReport(
        coverage={
            one: CoverageTold(
                *(frame.month, one, wanted),
                frame.coverage(one, wanted),
                *(frame.bills, desk.basis),
            )
            for one in CoverageBy
        },
        untagged=UntaggedTold(frame.month, wanted, frame.untagged(wanted, top), frame.bills),
        keys=frame.keys(),
    )


class _Frame:
    """What somebody sees of a month, and what is asked of it."""

    def __init__(
        self, month: str | None, accounts: Sequence[str], by: Person, today: date, desk: TagDesk
    ) -> None:
        self._desk, self._stock = desk, desk.stock
        self._view = look(
            month, accounts, by=by, today=today, stock=desk.stock, action=Action.SEE_TAGS
        )
        self.settings = in_force(desk.stock.settings).tags
        self._by, self._today = by, today
        desk.inventory.make_room(self._view.asked if self._view else ())
        self._owners: Owners | None = None
        self._rest: list[Untaggable] | None = None

    @property
    def month(self) -> str | None:
        return self._view.month if self._view else None

    @property
    def bills(self) -> Sequence[Bill]:
        return self._view.bills if self._view else ()

    def wanted(self, keys: Sequence[str]) -> tuple[str, ...]:
        """The keys that are asked about, as they are meant; those required, where none is named."""
        if len(keys) > MOST_KEYS:
            raise InvalidError(f"key: at most {MOST_KEYS} at once, not {len(keys)}")
        if "" in keys:
            raise InvalidError("key: name one as the bill spells it, like user:Team")
        aliases = self.settings.aliases
        return tuple(dict.fromkeys(map(aliases.key, keys))) or self.settings.required_keys

    def coverage(self, by: CoverageBy, keys: Sequence[str]) -> list[Coverage]:
        return tag_coverage.coverage(
            self._seen,
            self._untaggable(),
            keys,
            by,
            aliases=self.settings.aliases,
            owners=self._asked_owners(),
        )

    def untagged(self, keys: Sequence[str], top: int) -> list[Untagged]:
        if not 1 <= top <= MOST_UNTAGGED:
            raise InvalidError(f"top is {top}; ask for 1 to {MOST_UNTAGGED} resources")
        aliases, owners = self.settings.aliases, self._asked_owners()
        return tag_coverage.untagged(self._seen, keys, top, aliases=aliases, owners=owners)

    def to_fix(self, key: str, most: int) -> tuple[list[Missing], int]:
        aliases, owners = self.settings.aliases, self._asked_owners().certain
        return tag_coverage.to_fix(self._seen, key, most, aliases=aliases, owners=owners)

    def values(self, key: str) -> list[ValueUse]:
        return tag_coverage.values_used(self._seen, key, aliases=self.settings.aliases)

    def keys(self) -> KeysTold:
        found = tag_coverage.keys_used(self._seen)
        tags = self.settings
        means = {one.alias: one.key for one in tags.key_aliases}
        names = [one.key for one in found if one.key not in means]
        alike = _alike(names)
        every = max((one.resources for one in found), default=0)
        known = {one.key for one in found}
        named = {*tags.required_keys, *tags.report_keys, *means}
        return KeysTold(
            month=self.month,
            found=[
                KeySeen(
                    use=one,
                    means=means.get(one.key),
                    like=alike[0].get(one.key),
                    is_required=one.key in tags.required_keys,
                    is_rare=is_rare(one.resources, every),
                )
                for one in found
            ],
            alike=collisions(known),
            unused=sorted(named - known),
            is_whole=alike[1],
            bills=self.bills,
        )

    @property
    def _seen(self) -> tag_coverage.Seen:
        view = self._view
        return tag_coverage.Seen(
            inventory=self._desk.inventory,
            asked=_with_accounts(view.asked) if view else {},
            sights=(view.sights or {}) if view else {},
            basis=self._desk.basis,
        )

    def _untaggable(self) -> list[Untaggable]:
        """What the accounts that *by* sees all of are charged for no resource."""
        if self._view is None:
            return []
        if self._rest is None:
            sights = self._view.sights or {}
            whole = _with_accounts(
                {
                    of: [one for one in its if of not in sights or one not in sights[of].only]
                    for of, its in self._view.asked.items()
                }
            )
            # Each bill by itself: another one may charge the same account, and of that be seen less.
            self._rest = [
                one
                for of, its in whole.items()
                for one in tag_coverage.untaggable(
                    self._desk.inventory, {of: its}, self._cubes(of), self._desk.basis
                )
            ]
        return self._rest

    def _cubes(self, of: Generation) -> list[Path]:
        root = generation(*of)
        files = self._stock.ledger.get_json(f"{root}/index.json")["files"]
        names = [str(file["name"]) for file in files if str(file["name"]).startswith(CUBE)]
        with ThreadPoolExecutor(READERS) as pool:
            return list(pool.map(lambda name: self._stock.ledger.cached(f"{root}/{name}"), names))

    def _asked_owners(self) -> Owners:
        if self._view is None:
            return Owners()
        if self._owners is None:
            accounts = {one for its in self._view.asked.values() for one in its if one is not None}
            last = BillingPeriod(self._view.month).end - timedelta(1)
            self._owners = owners_on(min(last, self._today), accounts, self._by, self._stock)
        return self._owners


def billed_ids(account: str, view: View, desk: TagDesk) -> frozenset[str]:
    """The ids of an account's resources that the bills of a month charge for."""
    asked = {of: [account] for of, its in view.asked.items() if account in its}
    return tag_coverage.ids(tag_coverage.Seen(desk.inventory, asked, {}, desk.basis))


def owners_on(on: date, accounts: Iterable[str], by: Person, stock: Stock) -> Owners:
    """Who is asked about the resources of some accounts, as the rules say of a day *on*.

    Products that *by* is not to know of are `OTHERS`, all of them together.
    """

    @cache
    def shown(product: str) -> str:
        return product if may(by, Action.SEE_TAGS, product) else OTHERS

    heads, shares = stock.claims.heads(), stock.shares.all()
    wanted = sorted(set(accounts))
    claims: dict[str, dict[str, str]] = {}
    splits: dict[str, str] = {}
    shared: set[str] = set()
    for account in wanted:
        if (head := heads.get(account)) is not None:
            known = stock.memo.of(
                ("claims", account), head.document, partial(stock.claims.read, head)
            )
            held = claims[account] = {}
            for claim in known.claims:
                if claim.end is None or max(claim.start, on) < claim.end:
                    held.setdefault(claim.resource_id, shown(claim.product_id))
        if (split := shares.get(account)) and (revision := split.on(on)):
            asked = min(revision.shares, key=lambda one: (-one[1], one[0]))[0]
            splits[account] = shown(asked)
            if len(revision.shares) > 1:
                shared.add(account)
    rules = stock.claim_rules.find().meant(in_force(stock.settings).tags.aliases).rules
    return Owners(
        claims=claims,
        rules=tuple(
            rule.model_copy(update={"product_id": shown(rule.product_id)})
            for rule in rules
            if rule.covers(on)
        ),
        splits=splits,
        shared=frozenset(shared),
    )


def _with_accounts(
    asked: Mapping[Generation, list[str | None]],
) -> dict[Generation, list[str | None]]:
    return {of: its for of, its in asked.items() if its}


def _alike(names: Sequence[str]) -> tuple[Mapping[str, LookAlike], bool]:
    """What keys look like, among those of one kind: `user:` and `accountTag/` are two."""
    kinds: dict[str, dict[str, str]] = {}
    for name in names:
        kind, sign, bare = _parted(name)
        kinds.setdefault(kind + sign, {})[bare] = name
    found: dict[str, LookAlike] = {}
    is_whole = True
    for bare_names in kinds.values():
        told = look_alikes(list(bare_names))
        is_whole &= told.is_whole
        for one in told.found:
            name, like = bare_names[one.name], bare_names[one.like]
            found[name] = one._replace(name=name, like=like)
    return found, is_whole


def _parted(name: str) -> tuple[str, str, str]:
    for sign in (":", "/"):
        kind, found, bare = name.partition(sign)
        if found and kind in ("user", "aws", "accountTag", "userAttribute", "costCategory"):
            return kind, found, bare
    return "", "", name
