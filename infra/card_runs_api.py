"""The door to runs that make spend cards, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import LedgerBucket
from infra.callers import ApiDoor, Callers
from infra.layers import Layers
from infra.machines import Machine
from infra.open_months import OpenMonths
from infra.rest import Rest


class CardRunsApi(Construct):
    """Make the cards that are due, for who does not wait for Monday."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        ledger: LedgerBucket,
        open_months: OpenMonths,
        make_spend_cards: Machine,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "card_runs_api",
            layers=layers.core,
            callers=callers,
            environment={
                "LEDGER_BUCKET": ledger.bucket.bucket_name,
                **open_months.told,
                "MAKE_SPEND_CARDS_ARN": make_spend_cards.machine.state_machine_arn,
            },
        )
        rights = self.door.rights
        ledger.allow_read(rights, "work/")
        open_months.allow(rights)
        make_spend_cards.allow_start(rights, by_name=True)

        rest.route("POST", "spend-card-runs", self.door)
        rest.route("GET", "spend-card-runs/{run_id}", self.door)
