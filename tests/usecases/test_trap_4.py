"""Trap 4: ingest that is not idempotent. A walk at random through all that can happen to a delivery.

After every step readers see exactly one whole delivery, in the bills, in the account totals and in
the ledger's files, and never an older one than before; once the dust has settled, the newest.
"""

import os
import shutil
import tempfile
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.aws import furnished
from tests.remembered import remembering
from tests.usecases.world import Crash, Run, Stores, World, in_memory, on_moto

RUNS = st.integers(0, 5)
CALLS = st.integers(0, 12)


class Walk(RuleBasedStateMachine):
    """What AWS, replication, EventBridge and Lambda may do, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = Path(tempfile.mkdtemp(prefix="trap-4-"))
        self.world: World
        self.is_noisy = False

    def stores(self) -> Stores:
        return in_memory(self.folder)

    def teardown(self) -> None:
        try:
            self.world.settle()
        finally:
            shutil.rmtree(self.folder, ignore_errors=True)

    @initialize(
        layout=st.sampled_from(["overwrite", "create-new"]),
        suffix=st.sampled_from(["csv", "parquet"]),
        is_replicated=st.booleans(),
    )
    def begin(self, layout: str, suffix: str, is_replicated: bool) -> None:
        self.world = World(
            self.stores(),
            self.folder,
            layout=layout,
            suffix=suffix,
            in_order=not is_replicated,
            keeps_times=is_replicated,
        )
        self.world.deliver(2, [True, True])

    # -- AWS and the bucket --------------------------------------------------------------------

    @rule(files=st.integers(1, 3), changed=st.lists(st.booleans(), min_size=3, max_size=3))
    def a_new_delivery_is_made(self, files: int, changed: list[bool]) -> None:
        self.world.deliver(files, changed)

    @rule(choice=st.integers(0, 3), many=st.integers(1, 8))
    def objects_arrive(self, choice: int, many: int) -> None:
        for _ in range(min(many, len(self.world.travelling))):
            self.world.arrive(choice)

    @rule(files=st.integers(1, 3), held_back=st.integers(0, 3), steps=st.integers(0, 8))
    def a_delivery_comes_in_part(self, files: int, held_back: int, steps: int) -> None:
        """Most of it arrives, a run looks at it at once; what is held back comes later."""
        self.world.deliver(files, [True] * 3)
        while len(self.world.travelling) > held_back:
            self.world.arrive(held_back)
        for key in self.world.events:
            run = self.world.start(key)
            for _ in range(steps):
                self.world.step(run)
        self.world.events.clear()

    @precondition(lambda self: not self.is_noisy)
    @rule()
    def other_objects_lie_in_the_prefix(self) -> None:
        self.is_noisy = True
        self.world.noise(2500)

    @rule()
    def the_newest_manifest_is_written_again(self) -> None:
        self.world.send_manifest_again(len(self.world.made) - 1)

    @rule(minutes=st.sampled_from([1, 5, 20, 600]))
    def time_passes(self, minutes: int) -> None:
        self.world.pass_time(timedelta(minutes=minutes))

    # -- events --------------------------------------------------------------------------------

    @precondition(lambda self: self.world.events)
    @rule(choice=st.integers(0, 3), times=st.integers(1, 2))
    def an_event_comes(self, choice: int, times: int) -> None:
        key = self.world.events.pop(choice % len(self.world.events))
        for _ in range(times):
            self.world.start(key)

    @precondition(lambda self: self.world.events)
    @rule(choice=st.integers(0, 3))
    def an_event_is_lost(self, choice: int) -> None:
        self.world.events.pop(choice % len(self.world.events))

    @rule()
    def the_daily_sweep_runs(self) -> None:
        self.world.sweep()

    # -- runs ----------------------------------------------------------------------------------

    def _run(self, choice: int) -> Run:
        return self.world.runs[choice % len(self.world.runs)]

    @precondition(lambda self: self.world.runs)
    @rule(choice=RUNS, steps=st.integers(1, 8))
    def a_run_goes_on(self, choice: int, steps: int) -> None:
        run = self._run(choice)
        for _ in range(steps):
            self.world.step(run)

    @precondition(lambda self: self.world.runs)
    @rule(choice=RUNS, call=CALLS, gives_up=st.booleans())
    def a_step_crashes(self, choice: int, call: int, gives_up: bool) -> None:
        def crash() -> None:
            raise Crash

        run = self._run(choice)
        self.world.step(run, before_call=call, do=crash)
        if gives_up and run.failures:
            self.world.give_up(run, "crash")

    @precondition(lambda self: self.world.runs)
    @rule(choice=RUNS)
    def a_run_is_redriven(self, choice: int) -> None:
        self.world.redrive(self._run(choice))

    @precondition(lambda self: len(self.world.runs) > 1)
    @rule(choice=RUNS, other=RUNS, call=CALLS, steps=st.integers(1, 8))
    def two_runs_meet(self, choice: int, other: int, call: int, steps: int) -> None:
        def meanwhile() -> None:
            for _ in range(steps):
                self.world.step(self._run(other))

        if self._run(choice) is not self._run(other):
            self.world.step(self._run(choice), before_call=call, do=meanwhile)

    @precondition(lambda self: self.world.runs and self.world.travelling)
    @rule(choice=RUNS, call=CALLS, many=st.integers(1, 4))
    def files_are_replaced_while_they_are_read(self, choice: int, call: int, many: int) -> None:
        self.world.step(
            self._run(choice), before_call=call, do=lambda: self.objects_arrive(0, many)
        )

    @rule(call=CALLS, many=st.integers(1, 3))
    def a_delivery_is_overwritten_while_it_is_loaded(self, call: int, many: int) -> None:
        run = self._brought_to("reduce")
        self.world.deliver(2, [True] * 3)
        self.world.step(run, before_call=call, do=lambda: self.objects_arrive(0, many))

    @rule(call=CALLS, newer_first=st.booleans())
    def two_deliveries_are_published_at_once(self, call: int, newer_first: bool) -> None:
        runs = [self._brought_to("publish"), self._brought_to("publish")]
        first, second = runs[::-1] if newer_first else runs
        self.world.step(first, before_call=call, do=lambda: self.world.step(second))

    def _brought_to(self, step: str) -> Run:
        """A run of a delivery of its own that stands before *step*, if it comes so far."""
        self.world.deliver(2, [True, False, True])
        self.world.arrive_all()
        run = self.world.start(self.world.made[-1].manifest_key)
        for _ in range(20):
            if run.at == step or run.is_over:
                break
            self.world.step(run)
        return run

    # -- time ----------------------------------------------------------------------------------

    @rule()
    def old_versions_expire(self) -> None:
        for key in {key for made in self.world.made for key in made.files}:
            if self.world.stores.deliveries.version(key) is not None:
                self.world.stores.forget_versions(key)

    @rule()
    def old_generations_expire(self) -> None:
        self.world.expire()

    @rule()
    def the_dust_settles(self) -> None:
        self.world.settle()

    @invariant()
    def readers_see_one_whole_delivery(self) -> None:
        if hasattr(self, "world"):
            self.world.check()


class WalkOnMoto(Walk):
    """The same on the real adapters."""

    def __init__(self) -> None:
        super().__init__()
        self.aws = ExitStack()
        self.aws.enter_context(furnished())

    def stores(self) -> Stores:
        return on_moto(self.folder)

    def teardown(self) -> None:
        try:
            super().teardown()
        finally:
            self.aws.close()


def _walk(machine: type[Walk], examples: int, steps: int) -> None:
    """The same walks every time; FINOPS_WALKS=n takes n times as many, and others each time."""
    more = int(os.environ.get("FINOPS_WALKS", "0"))
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=examples * max(1, more),
            stateful_step_count=steps,
            derandomize=not more,
            database=None,
            deadline=None,
            report_multiple_bugs=False,
            suppress_health_check=list(HealthCheck),
        ),
    )


def test_readers_see_one_whole_delivery_whatever_happens(monkeypatch: pytest.MonkeyPatch) -> None:
    remembering(monkeypatch)
    _walk(Walk, examples=25, steps=40)


def test_readers_see_one_whole_delivery_on_the_real_adapters_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    remembering(monkeypatch)
    _walk(WalkOnMoto, examples=2, steps=20)


def test_readers_see_one_whole_delivery_of_the_engine_without_a_memory() -> None:
    _walk(Walk, examples=1, steps=15)
