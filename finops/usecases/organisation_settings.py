"""The settings of the organisation: cards, files of a close, cost reports, tags and alerts."""

from collections.abc import Collection

from finops.domain.alert_settings import AlertSettings
from finops.domain.audit import Act, Deed
from finops.domain.authorization import Action, must
from finops.domain.elements import ENTERPRISE
from finops.domain.errors import ConflictError, InvalidError
from finops.domain.organisation_settings import ALL, CloseSettings, OrganisationSettings
from finops.domain.people import Person
from finops.domain.report_settings import ReportSettings
from finops.domain.spend_cards import CardSettings
from finops.domain.tag_settings import TagSettings
from finops.usecases.ports import Charts, Save, SettingsKept

NAMED_AT_ONCE = 5  # unknown elements in a refusal


def in_force(settings: SettingsKept) -> OrganisationSettings:
    """What the organisation chose; of version 0 while nobody has changed anything."""
    return settings.find(ALL) or OrganisationSettings()


def seen_settings(*, by: Person, settings: SettingsKept) -> OrganisationSettings:
    """The same, for those who may see it."""
    must(by, Action.SEE_SETTINGS)
    return in_force(settings)


def set_cards(
    cards: CardSettings, version: int, *, by: Person, settings: SettingsKept, act: Act
) -> OrganisationSettings:
    """How cards are made, settled and told of, from now on. The same changes nothing."""
    before = _current(version, by, settings)
    after = before.changed(cards=cards)
    return _saved(before, after, "SetCards", "CardSettingsChanged", settings, act)


def set_close(
    close: CloseSettings,
    version: int,
    *,
    by: Person,
    settings: SettingsKept,
    charts: Charts,
    act: Act,
) -> OrganisationSettings:
    """How the files of a close are written, for closes that begin from now on.

    Raises InvalidError for cost centres of elements that no chart of accounts names.
    """
    before = _current(version, by, settings)
    _must_be_known("cost_centres", [element for element, _ in close.cost_centres], charts)
    after = before.changed(close=close)
    return _saved(before, after, "SetClose", "CloseSettingsChanged", settings, act)


def set_reports(
    reports: ReportSettings,
    version: int,
    *,
    by: Person,
    settings: SettingsKept,
    charts: Charts,
    act: Act,
) -> OrganisationSettings:
    """Who gets which cost report from now on, and what is told of in it.

    Raises InvalidError for groups of elements that no chart of accounts names.
    """
    before = _current(version, by, settings)
    _must_be_known("groups", [group.element for group in reports.groups], charts)
    after = before.changed(reports=reports)
    return _saved(before, after, "SetReports", "ReportSettingsChanged", settings, act)


def set_tags(
    tags: TagSettings, version: int, *, by: Person, settings: SettingsKept, act: Act
) -> OrganisationSettings:
    """The tags that spend is told by, those that are required, and what other spellings mean."""
    before = _current(version, by, settings)
    after = before.with_tags(tags)
    return _saved(before, after, "SetTags", "TagSettingsChanged", settings, act)


def set_alerts(
    alerts: AlertSettings,
    version: int,
    *,
    by: Person,
    settings: SettingsKept,
    charts: Charts,
    webhooks: Collection[str],
    act: Act,
) -> OrganisationSettings:
    """From when on spend is told of while it happens, and to whom besides its owners.

    Raises InvalidError for channels of elements that no chart of accounts names, and for those to
    other webhooks than *webhooks*, which the deployment knows.
    """
    before = _current(version, by, settings)
    _must_be_known("channels", [channel.element for channel in alerts.channels], charts)
    for channel in alerts.channels:
        if channel.webhook is not None and channel.webhook not in webhooks:
            known = ", ".join(sorted(webhooks)) or "none yet"
            raise InvalidError(
                f"channels: {channel.name} goes to the webhook {channel.webhook!r}, which this "
                f"deployment does not know; it knows {known} (webhooks in cdk.json)"
            )
    after = before.changed(alerts=alerts)
    return _saved(before, after, "SetAlerts", "AlertSettingsChanged", settings, act)


def _current(version: int, by: Person, settings: SettingsKept) -> OrganisationSettings:
    must(by, Action.CHANGE_SETTINGS)
    found = in_force(settings)
    if found.version != version:
        raise ConflictError("they have changed since you read them: look again", current=found)
    return found


def _saved(
    before: OrganisationSettings,
    after: OrganisationSettings,
    action: str,
    event: str,
    settings: SettingsKept,
    act: Act,
) -> OrganisationSettings:
    if after == before:
        return before
    known = before if before.version else None
    return settings.save([Save(known, after, Deed(action=action, event=event))], act)[0]


def _must_be_known(field: str, elements: list[str], charts: Charts) -> None:
    if not elements:
        return
    known = [charts.read(head) for head in charts.heads()]
    unknown = [
        element
        for element in elements
        if element != ENTERPRISE and not any(chart.products_under(element) for chart in known)
    ]
    if unknown:
        more = len(unknown) - NAMED_AT_ONCE
        told = ", ".join(unknown[:NAMED_AT_ONCE]) + (f" and {more} more" if more > 0 else "")
        raise InvalidError(
            f"{field}: no chart of accounts has an element {told}; finops chart show lists "
            "those there are"
        )
