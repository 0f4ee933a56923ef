"""What could be saved: a case for each resource, what is decided on it, and what snapshots change."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from finops.domain.errors import ConflictError, InvalidError
from finops.domain.money import TICKS_PER_UNIT
from finops.domain.savings import (
    DECISIONS,
    LONGEST_DETAILS,
    MOST_OPTIONS,
    Recommendation,
    Return,
    Saving,
    SavingDecision,
    SavingStatus,
    Snapshot,
    SnapshotDay,
    Unanswered,
    Via,
    newest,
    open_sums,
    reconciled,
    source_states,
    sums,
)
from tests.savings_fakes import PAYER, recommendation, saving

AT = datetime(2026, 9, 10, 9, 0, tzinfo=UTC)
DAY = date(2026, 9, 10)
ME = "ada@fernhollow.example"

DECIDED: dict[SavingDecision, Callable[[Saving], Saving]] = {
    SavingDecision.APPROVE: lambda one: one.approve(None, by=ME, at=AT),
    SavingDecision.IGNORE: lambda one: one.ignore("later", date(2026, 12, 1), by=ME, at=AT),
    SavingDecision.IMPLEMENT: lambda one: one.implement(DAY, by=ME, at=AT),
    SavingDecision.REOPEN: lambda one: one.reopen(),
}


def _in_status(status: SavingStatus) -> Saving:
    """A case that came to *status* in the usual way."""
    new = saving()
    approved = DECIDED[SavingDecision.APPROVE](new)
    match status:
        case SavingStatus.NEW:
            return new
        case SavingStatus.APPROVED:
            return approved
        case SavingStatus.IGNORED:
            return DECIDED[SavingDecision.IGNORE](new)
        case SavingStatus.IMPLEMENTED:
            return DECIDED[SavingDecision.IMPLEMENT](approved)
        case SavingStatus.GONE:
            return approved.missing(DAY)


# A case ------------------------------------------------------------------------------------------


def test_all_that_is_recommended_for_a_resource_is_one_case_and_the_largest_counts() -> None:
    small, large = recommendation(savings=5), recommendation(action_type="Stop", savings=40)

    found = saving(small, large)

    assert small.saving_id == large.saving_id == found.saving_id
    assert [one.action_type for one in found.options] == ["Stop", "Rightsize"]
    assert found.counted == large


def test_without_a_resource_a_case_is_known_by_account_action_region_and_type() -> None:
    plan = recommendation(None, "PurchaseSavingsPlans", resource_type="ComputeSavingsPlans")
    same = plan.model_copy(update={"recommendation_id": "another", "monthly_savings": 1})
    elsewhere = plan.model_copy(update={"region": "us-east-1"})
    another = plan.model_copy(update={"resource_type": "SageMakerSavingsPlans"})

    assert plan.saving_id == same.saving_id
    assert len({plan.saving_id, elsewhere.saving_id, another.saving_id}) == 3


def test_the_same_resource_id_in_two_accounts_is_two_cases() -> None:
    assert recommendation().saving_id != recommendation(account_id="222222222222").saving_id


def test_a_case_keeps_no_details_that_are_long_and_only_so_many_options() -> None:
    short, long = "x" * LONGEST_DETAILS, "x" * (LONGEST_DETAILS + 1)
    many = [recommendation(savings=n, recommended=f"r{n}") for n in range(MOST_OPTIONS + 5)]

    assert saving(recommendation(details=short)).options[0].details == short
    assert saving(recommendation(details=long)).options[0].details is None
    assert len(saving(*many).options) == MOST_OPTIONS
    assert saving(*many).options[0] == many[-1]


# Decided -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", SavingStatus)
@pytest.mark.parametrize("decision", SavingDecision)
def test_what_may_be_decided_is_in_the_table_and_nothing_else(
    decision: SavingDecision, status: SavingStatus
) -> None:
    before = _in_status(status)
    assert before.status is status

    assert before.may_be(decision) == ((decision, status) in DECISIONS)
    if before.may_be(decision):
        assert DECIDED[decision](before).status is DECISIONS[decision, status]
    else:
        with pytest.raises(ConflictError, match=f"{decision} is no decision on a saving that is"):
            DECIDED[decision](before)


def test_who_approves_chooses_an_option_and_that_one_counts() -> None:
    case = saving(recommendation(savings=5), recommendation(action_type="Stop", savings=40))

    chosen = case.approve("Rightsize", by=ME, at=AT, reason="it is needed")

    assert chosen.counted.action_type == "Rightsize"
    assert chosen.note is not None
    assert chosen.note.baseline == chosen.counted
    with pytest.raises(InvalidError, match="Delete is not recommended here; choose of Stop, Right"):
        case.approve("Delete", by=ME, at=AT)


def test_what_was_chosen_counts_even_when_aws_recommends_something_else_by_now() -> None:
    case = saving(recommendation(savings=5)).approve(None, by=ME, at=AT)

    later = case.seen([recommendation(action_type="Stop", savings=90)], PAYER, DAY)

    assert later.status is SavingStatus.APPROVED
    assert later.counted == recommendation(savings=5)
    assert later.options[0].action_type == "Stop"


@pytest.mark.parametrize(
    "until, said",
    [
        (None, "until: say the last day"),
        (date(2026, 9, 9), "not within a year from today; write a day from 2026-09-10 to"),
        (date(2027, 9, 12), "not within a year"),
    ],
)
def test_nothing_is_ignored_without_an_end(until: date | None, said: str) -> None:
    with pytest.raises(InvalidError, match=said):
        saving().ignore("later", until, by=ME, at=AT)


def test_what_was_done_counts_as_it_was_approved_whatever_is_recommended_next() -> None:
    smaller = recommendation(savings=40, recommended="m5.large")
    done = saving(smaller).approve(None, by=ME, at=AT).implement(DAY, by=ME, at=AT)

    later = done.seen([recommendation(savings=3, recommended="m5.small")], PAYER, date(2026, 9, 30))

    assert later.counted == smaller
    assert later.options[0].recommended == "m5.small"


def test_nothing_is_ignored_without_a_reason() -> None:
    with pytest.raises(InvalidError, match="reason"):
        saving().ignore("  ", date(2026, 12, 1), by=ME, at=AT)


def test_nothing_is_implemented_on_a_day_to_come_or_before_it_was_recommended() -> None:
    approved = saving(on=date(2026, 9, 1)).approve(None, by=ME, at=AT)

    with pytest.raises(InvalidError, match="2026-09-11 is still to come"):
        approved.implement(date(2026, 9, 11), by=ME, at=AT)
    with pytest.raises(InvalidError, match="2026-08-31 is before the first recommendation"):
        approved.implement(date(2026, 8, 31), by=ME, at=AT)


def test_what_was_approved_and_is_gone_can_still_be_said_to_be_done() -> None:
    approved = saving().approve(None, by=ME, at=AT)

    done = approved.missing(date(2026, 9, 9)).implement(date(2026, 9, 8), by=ME, at=AT)

    assert done.status is SavingStatus.IMPLEMENTED
    assert done.note is not None
    assert done.note.baseline == recommendation()
    assert done.note.implemented_on == date(2026, 9, 8)
    assert done.gone_on is None


def test_what_is_gone_and_was_not_approved_was_not_implemented() -> None:
    with pytest.raises(ConflictError, match="only what was approved"):
        saving().missing(DAY).implement(date(2026, 9, 8), by=ME, at=AT)


# Snapshots ---------------------------------------------------------------------------------------


def test_what_was_ignored_returns_when_its_last_day_is_over() -> None:
    ignored = saving().ignore("later", date(2026, 9, 20), by=ME, at=AT)

    assert ignored.seen([recommendation()], PAYER, date(2026, 9, 20)).status == "Ignored"
    back = ignored.seen([recommendation()], PAYER, date(2026, 9, 21))
    assert (back.status, back.returned, back.note) == (SavingStatus.NEW, Return.EXPIRED, None)


def test_what_was_ignored_returns_when_it_saves_more_than_a_tenth_more() -> None:
    ignored = saving(recommendation(savings=100)).ignore("small", date(2026, 12, 1), by=ME, at=AT)

    assert ignored.seen([recommendation(savings=110)], PAYER, DAY).status == "Ignored"
    grown = ignored.seen([recommendation(savings=111)], PAYER, DAY)
    assert (grown.status, grown.returned) == (SavingStatus.NEW, Return.GROWN)


def test_what_was_ignored_is_not_compared_with_another_currency() -> None:
    ignored = saving(recommendation(savings=100)).ignore("small", date(2026, 12, 1), by=ME, at=AT)

    found = ignored.seen([recommendation(savings=90, currency="EUR")], PAYER, DAY)

    assert found.status is SavingStatus.NEW


@pytest.mark.parametrize("status", ["New", "Approved", "Ignored"])
def test_what_a_snapshot_has_no_more_is_gone(status: str) -> None:
    gone = _in_status(SavingStatus(status)).missing(DAY)

    assert (gone.status, gone.gone_on) == (SavingStatus.GONE, DAY)
    assert gone.missing(date(2026, 9, 11)) == gone


def test_what_was_gone_comes_back_as_new() -> None:
    back = _in_status(SavingStatus.GONE).seen([recommendation()], PAYER, date(2026, 9, 12))

    assert (back.status, back.returned, back.gone_on) == (SavingStatus.NEW, Return.BACK, None)
    assert back.first_seen == date(2026, 9, 1)


def test_what_is_implemented_stays_so_and_is_flagged_if_it_is_still_recommended() -> None:
    done = _in_status(SavingStatus.IMPLEMENTED)

    assert done.missing(date(2026, 9, 11)).status is SavingStatus.IMPLEMENTED
    assert not done.seen([recommendation()], PAYER, date(2026, 9, 17)).still_recommended
    late = done.seen([recommendation()], PAYER, date(2026, 9, 18))
    assert (late.status, late.still_recommended) == (SavingStatus.IMPLEMENTED, True)
    assert not late.missing(date(2026, 9, 19)).still_recommended


def test_a_snapshot_that_says_the_same_writes_a_case_only_once_a_week() -> None:
    case = saving(on=date(2026, 9, 1))
    same = recommendation(recommendation_id="of today", refreshed_at=AT)

    assert case.seen([same], PAYER, date(2026, 9, 7)) == case
    assert case.seen([same], PAYER, date(2026, 9, 8)).last_seen == date(2026, 9, 8)
    assert case.seen([recommendation(savings=11)], PAYER, date(2026, 9, 2)) != case


def test_a_snapshot_is_of_one_payer_and_touches_no_other() -> None:
    mine, other = saving(), saving(recommendation("i-2"), payer="888877776666")
    known = {one.saving_id: one for one in (mine, other)}

    changes = list(reconciled(known, [], PAYER, DAY))

    assert [one.after.saving_id for one in changes] == [mine.saving_id]
    assert changes[0].action == "Drop"


def test_a_snapshot_says_nothing_of_what_a_later_day_has_said() -> None:
    case = saving(on=date(2026, 9, 12))

    assert list(reconciled({case.saving_id: case}, [], PAYER, DAY)) == []
    assert list(reconciled({case.saving_id: case}, [recommendation(savings=1)], PAYER, DAY)) == []


SOME = st.lists(
    st.builds(
        recommendation,
        st.sampled_from(["i-1", "i-2", "i-3", None]),
        st.sampled_from(["Rightsize", "Stop"]),
        st.integers(0, 50),
    ),
    max_size=6,
)


@given(st.lists(SOME, min_size=1, max_size=5))
def test_after_each_snapshot_what_is_open_is_what_it_has_and_a_repeat_changes_nothing(
    snapshots: list[list[Recommendation]],
) -> None:
    known: dict[str, Saving] = {}
    for number, stated in enumerate(snapshots):
        on = date(2026, 9, 1 + number)
        changes = list(reconciled(known, stated, PAYER, on))
        known |= {one.after.saving_id: one.after for one in changes}

        assert list(reconciled(known, stated, PAYER, on)) == []
        open_ = {one.saving_id for one in known.values() if one.is_open}
        assert open_ == {one.saving_id for one in stated}
        largest = {
            id_: max(one.monthly_savings for one in stated if one.saving_id == id_) for id_ in open_
        }
        total = sum(one.monthly_savings for one in open_sums(known.values()))
        assert total == sum(largest.values())


# Sums --------------------------------------------------------------------------------------------


def test_each_resource_counts_once_by_currency_and_only_what_is_open_is_open() -> None:
    both = saving(recommendation(savings=10), recommendation(action_type="Stop", savings=30))
    euros = saving(recommendation("i-2", savings=7, currency="EUR"))
    ignored = saving(recommendation("i-3", savings=100)).ignore("no", DAY, by=ME, at=AT)

    found = {one.currency: one for one in sums([both, euros, ignored])}
    left = {one.currency: one for one in open_sums([both, euros, ignored])}

    assert found["USD"].monthly_savings == 130 * TICKS_PER_UNIT
    assert (left["USD"].number, left["USD"].monthly_savings) == (1, 30 * TICKS_PER_UNIT)
    assert left["EUR"].monthly_savings == 7 * TICKS_PER_UNIT
    assert left["USD"].monthly_cost == 120 * TICKS_PER_UNIT


# Days --------------------------------------------------------------------------------------------


def _snapshot(day: int, via: Via = Via.EXPORT, checksum: str = "a", hour: int = 3) -> Snapshot:
    return Snapshot(
        payer=PAYER,
        day=date(2026, 9, day),
        via=via,
        taken_at=datetime(2026, 9, day, hour, tzinfo=UTC),
        number=1,
        checksum=checksum,
        document="somewhere",
    )


def _day(day: int) -> SnapshotDay:
    return SnapshotDay.of(PAYER, date(2026, 9, day))


def test_a_snapshot_of_a_day_that_comes_again_takes_its_place() -> None:
    first = _day(1).with_snapshot(_snapshot(1))

    again = first.with_snapshot(_snapshot(1, checksum="b", hour=9))

    assert again.taken is not None
    assert again.taken.checksum == "b"
    assert again.with_snapshot(_snapshot(1, hour=4)) == again, "an older one does not"
    assert first.with_snapshot(_snapshot(1, hour=9)) == first, "nor one that says the same"


def test_a_file_goes_before_what_the_api_said_on_the_same_day() -> None:
    file, api = _snapshot(1), _snapshot(1, Via.API, "b", 9)

    assert _day(1).with_snapshot(file).with_snapshot(api).taken == file
    assert _day(1).with_snapshot(api).with_snapshot(file).taken == file


def test_a_source_that_does_not_answer_takes_nothing_away() -> None:
    silent = Unanswered(via=Via.API, at=datetime(2026, 9, 1, 5, tzinfo=UTC), reason="refused")

    day = _day(1).with_snapshot(_snapshot(1)).without_answer(silent)

    assert day.taken == _snapshot(1)
    assert day.unanswered == silent
    assert day.with_snapshot(_snapshot(1, checksum="b", hour=9)).unanswered is None


def test_each_source_is_named_with_its_age_and_with_what_went_wrong_since() -> None:
    silent = Unanswered(via=Via.API, at=datetime(2026, 9, 5, 5, tzinfo=UTC), reason="refused")
    days = [_day(1).with_snapshot(_snapshot(1)), _day(5).without_answer(silent)]

    [never, mine] = source_states(days, ["888877776666"], date(2026, 9, 6))

    assert (never.payer, never.taken, never.age) == ("888877776666", None, None)
    assert (mine.age, mine.unanswered) == (5, silent)
    days.append(_day(6).with_snapshot(_snapshot(6)))
    [known] = source_states(days, [], date(2026, 9, 6))
    assert (known.age, known.unanswered) == (0, None), "it has answered since"
    assert newest(days) == _snapshot(6)
