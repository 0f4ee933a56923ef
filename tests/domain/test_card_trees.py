"""A card's tree adds up at every node, and a branch has the lines that are below it."""

from hypothesis import given
from hypothesis import strategies as st

from finops.domain.allocations import PartKind
from finops.domain.card_trees import AccountNode, Branch, card_tree, depth
from finops.domain.spend_cards import CardLine, added, total

maybe = st.sampled_from([None, "a", "b"])
lines = st.lists(
    st.builds(
        CardLine,
        account_id=maybe,
        kind=st.sampled_from([PartKind.SHARE, PartKind.CLAIM, PartKind.POLICY]),
        workload_id=maybe,
        rule=maybe,
        service=maybe,
        amount=st.integers(-100, 100),
    ),
    max_size=30,
).map(added)


@given(lines)
def test_every_node_is_the_sum_of_those_below(some: tuple[CardLine, ...]) -> None:
    tree = card_tree(some)

    assert sum(one.amount for one in tree) == total(some)
    for account in tree:
        assert account.amount == sum(one.amount for one in account.given or ())
        for given_ in account.given or ():
            assert given_.amount == sum(one.amount for one in given_.services or ())


def nodes(tree: tuple[AccountNode, ...]) -> int:
    given = [one for account in tree for one in account.given or ()]
    return len(tree) + len(given) + sum(len(one.services or ()) for one in given)


@given(st.lists(lines, max_size=3), st.integers(0, 40))
def test_trees_go_as_far_down_as_they_have_not_too_many_nodes(
    groups: list[tuple[CardLine, ...]], most: int
) -> None:
    levels = depth(groups, most)

    def count(levels: int) -> int:
        return sum(nodes(card_tree(one, levels)) for one in groups)

    assert count(levels) <= most
    assert levels == 3 or count(levels + 1) > most


@given(lines, st.integers(1, 3))
def test_a_tree_that_ends_early_says_the_same_above(
    some: tuple[CardLine, ...], levels: int
) -> None:
    folded, whole = card_tree(some, levels), card_tree(some)

    assert [one[:2] for one in folded] == [one[:2] for one in whole]
    assert all((one.given is None) == (levels < 2) for one in folded)
    assert all(
        (given_.services is None) == (levels < 3) for one in folded for given_ in one.given or ()
    )


@given(lines)
def test_a_branch_comes_to_its_node(some: tuple[CardLine, ...]) -> None:
    for account in card_tree(some):
        whole = Branch(account.account_id or "")
        assert total(whole.of(some)) == account.amount
        for one in account.given or ():
            part = whole._replace(
                kind=one.kind, workload=one.workload_id or "", rule=one.rule or ""
            )
            assert total(part.of(some)) == one.amount
            for leaf in one.services or ():
                branch = part._replace(service=leaf.service or "")
                assert [line.amount for line in branch.of(some)] == [leaf.amount]


def test_the_largest_comes_first_a_credit_by_its_size() -> None:
    some = [
        CardLine(account_id=name, kind=PartKind.SHARE, amount=amount)
        for name, amount in (("a", 5), ("b", -9), ("c", 5))
    ]

    assert [one.account_id for one in card_tree(some)] == ["b", "a", "c"]
