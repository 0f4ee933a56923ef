"""The application: which stacks there are, and where their context comes from."""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aws_cdk import App, Environment, Tags

from infra.functions import FinOpsFunction
from infra.management import Management
from infra.settings import Settings
from infra.stack import (
    Alerts,
    Allocation,
    Api,
    Billing,
    Cards,
    Close,
    Data,
    Identity,
    Observability,
    Organization,
    Reports,
    Savings,
)

ROOT = Path(__file__).parent.parent


def build(*, outdir: str | None = None, context: Mapping[str, Any] | None = None) -> App:
    """All stacks. The context of `cdk` wins over *context*, which wins over `cdk.json`.

    `cdk.json` is read here because only the `cdk` command reads it by itself: so that the command,
    `python app.py` and the tests agree on every flag.
    """
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    said = json.loads(os.environ.get("CDK_CONTEXT_JSON") or "{}")
    outdir = outdir or os.environ.get("CDK_OUTDIR") or "cdk.out"
    app = App(outdir=outdir, context={**flags, **(context or {}), **said})
    settings = Settings.of(app.node)
    # A fixed environment: a table with its own key cannot be synthesized for any region.
    here = Environment(
        account=os.environ.get("CDK_DEFAULT_ACCOUNT", "111122223333"),
        region=os.environ.get("CDK_DEFAULT_REGION", "us-east-1"),
    )
    data = Data(app, "Data", settings=settings, env=here)
    identity = Identity(app, "Identity", settings=settings, env=here)
    billing = Billing(app, "Billing", settings=settings, data=data, env=here)
    allocation = Allocation(
        app, "Allocation", settings=settings, data=data, billing=billing, env=here
    )
    cards = Cards(app, "Cards", settings=settings, data=data, billing=billing, env=here)
    close = Close(app, "Close", settings=settings, data=data, billing=billing, env=here)
    reports = Reports(app, "Reports", settings=settings, data=data, billing=billing, env=here)
    savings = Savings(app, "Savings", settings=settings, data=data, billing=billing, env=here)
    alerts = Alerts(app, "Alerts", settings=settings, data=data, billing=billing, env=here)
    organization = Organization(
        app,
        "Organization",
        settings=settings,
        data=data,
        identity=identity,
        billing=billing,
        env=here,
    )
    api = Api(
        app,
        "Api",
        settings=settings,
        data=data,
        identity=identity,
        billing=billing,
        allocation=allocation,
        cards=cards,
        close=close,
        reports=reports,
        savings=savings,
        alerts=alerts,
        env=here,
    )
    Observability(
        app,
        "Observability",
        settings=settings,
        data=data,
        billing=billing,
        allocation=allocation,
        cards=cards,
        close=close,
        reports=reports,
        savings=savings,
        alerts=alerts,
        organization=organization,
        api=api,
        env=here,
    )
    Management(app, "Management", settings=settings)
    if settings.clock:
        for door in app.node.find_all():
            if isinstance(door, FinOpsFunction):
                door.function.add_environment("CLOCK", settings.clock)
    Tags.of(app).add("application", "finops-center")
    return app
