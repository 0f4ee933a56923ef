"""Claim rules: what workloads take by tag, name or service, in order, looked at and changed."""

from typing import NamedTuple

from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, may, must, must_reach
from finops.domain.claim_rules import ClaimRule
from finops.domain.errors import ConflictError
from finops.domain.people import Person
from finops.domain.rule_changes import AddClaimRule, EndClaimRule, OrderClaimRules
from finops.domain.rule_documents import RulesHead
from finops.domain.workloads import Workload
from finops.usecases.grounds import Grounds, ground
from finops.usecases.ports import ClaimRuleBook, RulesHeads

ALL = "all"  # what the one list is known by
RuleChange = AddClaimRule | EndClaimRule | OrderClaimRules


class SeenRule(NamedTuple):
    """A claim rule, and the workload that takes what fits."""

    rule: ClaimRule
    workload: Workload | None


class SeenRules(NamedTuple):
    """The claim rules that somebody may see, in the order they are tried."""

    rules: list[SeenRule]
    version: int


def seen_rules(*, by: Person, claim_rules: ClaimRuleBook, grounds: Grounds) -> SeenRules:
    """All rules, those that are over included; with a scope those of products in it."""
    must_reach(by, Action.SEE_ALLOCATIONS)
    found = claim_rules.find()
    workloads = grounds.workloads.all()
    rules = [
        SeenRule(rule, workloads.get(rule.workload_id))
        for rule in found.rules
        if may(by, Action.SEE_ALLOCATIONS, rule.product_id)
    ]
    return SeenRules(rules, found.version)


def change_rules(
    change: RuleChange,
    version: int,
    *,
    by: Person,
    claim_rules: ClaimRuleBook,
    heads: RulesHeads,
    grounds: Grounds,
    act: Act,
) -> RulesHead:
    """Add, end or order claim rules.

    Raises NotFoundError for a workload or rule that there is not, InvalidError for what no rule may
    be, and ConflictError, with the head in force, for another *version*.
    """
    must(by, Action.SET_CLAIM_RULE)
    before = claim_rules.find()
    if before.version != version:
        raise ConflictError(
            "they have changed since you read them: look again", current=heads.find(ALL)
        )
    after = change.after(before, ground(by, act.at, grounds=grounds))
    deed = Deed(action=change.kind, event="ClaimRulesChanged")
    return claim_rules.save(before, after, deed, act)
