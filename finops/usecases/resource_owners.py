"""Who pays for resources, looked up for thousands of them at once: what is claimed, else the split."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

from finops.domain.claim_rules import ClaimRule, Resource, read_tags
from finops.domain.claims import AccountClaims
from finops.domain.resource_owners import ResourceOwners, owners_of, service_of
from finops.domain.rule_documents import RulesHead
from finops.domain.tags import canonical
from finops.usecases.memo import Memo, stamp
from finops.usecases.organisation_settings import in_force
from finops.usecases.ports import ClaimRuleBook, Claims, SettingsKept, Shares

DOWNLOADS = 32
USER = "user:"
SPELLED = (USER, "aws:")  # what a key begins with that is as the bill has it


class OwnerSources(NamedTuple):
    """What says who pays for a resource."""

    shares: Shares
    claims: Claims
    claim_rules: ClaimRuleBook
    settings: SettingsKept
    memo: Memo


class Ownership:
    """Who pays for the resources of some *accounts* from a day *on*, as the rules are now."""

    def __init__(self, on: date, accounts: Iterable[str], sources: OwnerSources) -> None:
        self._on = on
        self._shares = sources.shares.all()
        self._aliases = in_force(sources.settings).tags.aliases
        rules = sources.claim_rules.find()
        meant = rules.meant(self._aliases).rules
        self._rules = [
            (rule, rule.model_copy(update={"name": None})) for rule in meant if rule.covers(on)
        ]
        self._keys = frozenset(rule.tag.key for rule, _ in self._rules if rule.tag)
        self._alike: dict[Resource, tuple[ClaimRule, ...]] = {}
        heads = sources.claims.heads()
        wanted = [heads[account] for account in sorted(set(accounts)) if account in heads]
        self._claims = read_claims(wanted, sources)
        made_of = (stamp(self._shares.values()), rules.version, self._aliases)
        self.stamp = (on, *made_of, tuple((head.of, head.document) for head in wanted))

    def of(self, account_id: str, resource: Resource | None) -> ResourceOwners:
        """Of a resource, or of what is no single one: that goes by the account's shares."""
        shares = self._shares.get(account_id)
        if resource is None:
            nothing = Resource(account_id, "", None, None)
            return owners_of(nothing, self._on, claims=None, rules=(), shares=shares)
        meant = resource.meant(self._aliases)
        return owners_of(
            meant,
            self._on,
            claims=self._claims.get(account_id),
            rules=self._possible(meant),
            shares=shares,
        )

    def _possible(self, resource: Resource) -> tuple[ClaimRule, ...]:
        """The rules that fit but for the name: of thousands of resources most are alike in that."""
        known = read_tags(resource.tags)
        asked = canonical({key: known[key] for key in self._keys & known.keys()})
        alike = Resource(resource.account_id, "", resource.service, asked)
        found = self._alike.get(alike)
        if found is None:
            found = tuple(rule for rule, nameless in self._rules if nameless.fits(alike))
            self._alike[alike] = found
        return found


def read_claims(heads: Iterable[RulesHead], sources: OwnerSources) -> Mapping[str, AccountClaims]:
    """The claims of accounts, each document read once."""

    def read(head: RulesHead) -> AccountClaims:
        return sources.memo.of(
            ("claims", head.of), head.document, lambda: sources.claims.read(head)
        )

    listed = list(heads)
    with ThreadPoolExecutor(DOWNLOADS) as pool:
        return dict(zip((head.of for head in listed), pool.map(read, listed), strict=True))


def as_ruled(
    account_id: str, resource_id: str, resource_type: str | None, tags: Iterable[tuple[str, str]]
) -> Resource:
    """A resource as claim rules know it, from what AWS states of it beside the bill.

    There a tag has its bare key, `Team`; the bill and the rules have `user:Team`.
    """
    spelled = {key if key.startswith(SPELLED) else f"{USER}{key}": value for key, value in tags}
    service = service_of(resource_id, resource_type)
    return Resource(account_id, resource_id, service, canonical(spelled))
