"""What a role may do: statements written by hand, one policy for each role."""

from collections.abc import Sequence
from typing import Any

import jsii
from aws_cdk import Acknowledgment, Stack, Validations
from aws_cdk import aws_iam as iam
from constructs import Construct, IValidation

from infra.nag import IAM5, flat


class Rights(Construct):
    """Exactly the statements it is given, for *role*; the L2 grants of other constructs do nothing.

    `role` is what to hand to a construct that would add statements of its own.
    """

    def __init__(self, scope: Construct, id_: str, *, role: iam.Role) -> None:
        super().__init__(scope, id_)
        self.role = role.without_policy_updates()
        self.policy = iam.Policy(self, "Policy", roles=[role])
        self._why: list[tuple[str, str]] = []
        self._sids: set[str] = set()
        self.node.add_validation(_Wildcards(self.policy, self._why))

    def allow(
        self, sid: str, *actions: str, on: Sequence[str], why: str | None = None, **conditions: Any
    ) -> None:
        """*actions* on the ARNs of *on*; one that ends in or is a wildcard needs a *why*.

        Raises ValueError for a wildcard in an action, for one in *on* without a reason, and for a
        *sid* that the policy has already: IAM would refuse it.
        """
        if sid in self._sids:
            raise ValueError(f"{self.node.path}: {sid} is there already")
        self._sids.add(sid)
        if any("*" in action for action in actions):
            raise ValueError(f"{self.node.path}: {sid} has a wildcard for an action")
        wide = [arn for arn in on if "*" in arn]
        if wide and why is None:
            raise ValueError(f"{self.node.path}: {sid} is on {wide}; say why")
        self._why += [(arn, why) for arn in wide if why is not None]
        self.policy.add_statements(
            iam.PolicyStatement(
                sid=sid, actions=list(actions), resources=list(on), conditions=conditions or None
            )
        )


@jsii.implements(IValidation)
class _Wildcards:
    """Acknowledges the wildcards that were given a reason.

    A validation runs after CDK has settled the references between stacks. Only then is the name of
    a cdk-nag finding known, for it holds the reference as the template spells it.
    """

    def __init__(self, policy: iam.Policy, why: list[tuple[str, str]]) -> None:
        self._policy = policy
        self._why = why

    def validate(self) -> list[str]:
        stack = Stack.of(self._policy)
        reasons: dict[str, list[str]] = {}
        for arn, why in self._why:
            reasons.setdefault(f"{IAM5}[Resource::{flat(stack.resolve(arn))}]", []).append(why)
        for finding, said in reasons.items():
            # One reason counts for each finding: two statements on "*" share theirs.
            reason = " ".join(dict.fromkeys(said))
            Validations.of(self._policy).acknowledge(Acknowledgment(id=finding, reason=reason))
        return []
