"""The state machine that makes cards, in memory."""

from finops.usecases.ports import CardRun


class InMemoryCardRuns:
    """`CardRuns`: what was started, in order; a run goes on until `end` says what it came to."""

    def __init__(self) -> None:
        self.started: list[tuple[str, str | None]] = []
        self._runs: dict[str, CardRun] = {}

    def start(self, run_id: str, period: str | None) -> None:
        if run_id not in self._runs:
            self.started.append((run_id, period))
            self._runs[run_id] = CardRun("Running")

    def find(self, run_id: str) -> CardRun | None:
        return self._runs.get(run_id)

    def end(self, run_id: str, run: CardRun) -> None:
        self._runs[run_id] = run
