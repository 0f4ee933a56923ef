"""Who pays for thousands of resources: the same as one by one, and by tags as they are meant."""

from datetime import date

from hypothesis import given
from hypothesis import strategies as st

from finops.domain.audit import Deed
from finops.domain.claim_rules import ClaimRule, ClaimRules, TagPattern, read_tags
from finops.domain.organisation_settings import OrganisationSettings
from finops.domain.resource_owners import owners_of
from finops.domain.tag_settings import KeyAlias, TagSettings, ValueAlias
from finops.usecases.ports import Save
from finops.usecases.resource_owners import Ownership, as_ruled
from tests.savings_fakes import ACCOUNT
from tests.usecases.organisation import LOANS, TODAY, WEB_SHOP, Organisation, act
from tests.usecases.test_savings import split

NAMES = ["web-1", "web-2", "db-1"]
TAGS = st.dictionaries(st.sampled_from(["Team", "Stage"]), st.sampled_from(["a", "b"]))


@st.composite
def rules(draw: st.DrawFn) -> ClaimRules:
    """Some rules, most of which overlap."""
    made = []
    for number in range(draw(st.integers(0, 4))):
        tag = draw(st.none() | st.builds(TagPattern, key=st.just("user:Team"), value=st.just("a")))
        service = draw(st.none() | st.just("AmazonEC2"))
        name = draw(
            st.sampled_from(["web-*", "*-1", "nothing"])
            if not tag and not service
            else st.none() | st.just("web-*")
        )
        made.append(
            ClaimRule(
                rule_id=f"r-{number}",
                workload_id=f"w-{number}",
                product_id=f"a.b.c.p{number}",
                account_id=draw(st.none() | st.just(ACCOUNT) | st.just("222233334444")),
                tag=tag,
                service=service,
                name=name,
                start=draw(st.sampled_from([date(2026, 1, 1), date(2026, 6, 1)])),
            )
        )
    return ClaimRules(rules=tuple(made))


@given(
    rules=rules(),
    resources=st.lists(
        st.tuples(st.sampled_from(NAMES), st.sampled_from(["Ec2Instance", "EbsVolume", "X"]), TAGS),
        max_size=6,
    ),
)
def test_many_have_the_owners_that_each_has_by_itself(
    rules: ClaimRules, resources: list[tuple[str, str, dict[str, str]]]
) -> None:
    organisation = Organisation()
    split(organisation, ACCOUNT, (WEB_SHOP, 10_000))
    book = organisation.claim_rule_book
    book.save(book.find(), rules, Deed(action="AddClaimRule"), act())
    ownership = Ownership(TODAY, [ACCOUNT], organisation.savings_board.owners)
    in_force = [rule for rule in rules.rules if rule.covers(TODAY)]

    for name, type_, tags in resources:
        one = as_ruled(ACCOUNT, name, type_, tags.items())
        assert ownership.of(ACCOUNT, one) == owners_of(
            one, TODAY, claims=None, rules=in_force, shares=organisation.shares.find(ACCOUNT)
        )


def test_a_tag_of_aws_is_spelled_as_the_bill_does_colons_and_all() -> None:
    told = [("team:name", "web"), ("Team", "a"), ("user:Stage", "prod"), ("aws:createdBy", "x")]

    tags = read_tags(as_ruled(ACCOUNT, "i-1", "Ec2Instance", told).tags)

    assert tags == {
        "user:team:name": "web",
        "user:Team": "a",
        "user:Stage": "prod",
        "aws:createdBy": "x",
    }


def test_a_rule_takes_what_is_tagged_in_another_spelling_of_the_same() -> None:
    organisation = Organisation()
    split(organisation, ACCOUNT, (WEB_SHOP, 10_000))
    rule = ClaimRule(
        rule_id="r",
        workload_id="w",
        product_id=LOANS,
        tag=TagPattern(key="user:Team", value="loans"),
        start=date(2026, 1, 1),
    )
    book = organisation.claim_rule_book
    book.save(book.find(), ClaimRules(rules=(rule,)), Deed(action="AddClaimRule"), act())
    one = as_ruled(ACCOUNT, "i-1", "Ec2Instance", [("team", "LOANS"), ("user:other", "x")])

    def asked() -> str | None:
        owners = organisation.savings_board.owners
        return Ownership(TODAY, [ACCOUNT], owners).of(ACCOUNT, one).asked

    assert asked() == WEB_SHOP
    tags = TagSettings(
        key_aliases=(KeyAlias(key="user:Team", alias="user:team"),),
        value_aliases=(ValueAlias(key="user:Team", value="loans", alias="LOANS"),),
    )
    settings = OrganisationSettings(tags=tags)
    organisation.settings_kept.save([Save(None, settings, Deed(action="SetTags"))], act())
    assert asked() == LOANS
