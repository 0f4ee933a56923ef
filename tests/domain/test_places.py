"""Names of the ledger's files are safe and never the same for two things."""

from hypothesis import given, settings
from hypothesis import strategies as st

from finops.domain.places import account_folder, generation, quoted, work

some = settings(max_examples=60, deadline=None, derandomize=True)


def test_an_id_of_another_provider_is_one_part_of_a_key() -> None:
    assert quoted("/subscriptions/64e3 55") == "%2Fsubscriptions%2F64e3%2055"


def test_charges_of_no_account_have_a_folder_of_their_own() -> None:
    assert account_folder(None) != account_folder("None")
    assert account_folder("444455556666") == "account=444455556666"


def test_a_generation_is_below_its_payer_and_month() -> None:
    assert generation("1", "2026-09", "4f1c") == "ledger/payer=1/billing_period=2026-09/load=4f1c"
    assert work("4f1c", "plan.json") == "work/4f1c/plan.json"


@some
@given(st.text(max_size=8), st.text(max_size=8))
def test_two_ids_never_share_a_folder(one: str, other: str) -> None:
    assert (quoted(one) == quoted(other)) == (one == other)
    assert "/" not in quoted(one)
