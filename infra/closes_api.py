"""The door to the closes of months, and the paths that lead to it."""

from constructs import Construct

from infra.buckets import CloseBucket
from infra.callers import API_MEMORY_MB, ApiDoor, Callers
from infra.closes import CloseSources
from infra.functions import engine
from infra.layers import Layers
from infra.machines import Machine
from infra.rest import Rest
from infra.tables import FinOpsTable


class ClosesApi(Construct):
    """The check list of a month, its headers and waivers, its close, and its files."""

    def __init__(
        self,
        scope: Construct,
        id_: str,
        *,
        rest: Rest,
        layers: Layers,
        callers: Callers,
        sources: CloseSources,
        close_bucket: CloseBucket,
        closes: FinOpsTable,
        close_month: Machine,
    ) -> None:
        super().__init__(scope, id_)
        self.door = ApiDoor(
            self,
            "closes_api",
            layers=layers.analytics,
            callers=callers,
            environment={
                **sources.told,
                "CLOSE_MONTH_ARN": close_month.machine.state_machine_arn,
                **engine(API_MEMORY_MB),
            },
            scratch_mb=4096,
        )
        rights = self.door.rights
        # `files/`: who follows a link that the door has signed reads with the door's right.
        sources.allow_check(rights, "files/")
        closes.allow(rights, "PutItem", sid="WriteCloseStates")
        close_month.allow_start(rights, by_name=True)

        rest.route("GET", "closes", self.door)
        rest.route("GET", "closes/{month}", self.door)
        rest.route("PUT", "closes/{month}/headers", self.door)
        rest.route("POST", "closes/{month}/waivers", self.door)
        rest.route("POST", "closes/{month}/waivers/{check}/withdrawal", self.door)
        rest.route("POST", "closes/{month}/close", self.door)
        rest.route("GET", "closes/{month}/files", self.door)
        rest.route("POST", "closes/{month}/files/{name}/links", self.door)
