"""Alerts in words: a line each, and the messages that hold them, for mail, Slack and Teams.

Names of products, services and credits are whatever somebody wrote. Each message escapes them its own
way, so that they are shown and nothing else: no markup, no link, no mention.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, assert_never

from finops.domain.alerts import Alert, AlertKind, CreditEnd, Crossing, level_in_words
from finops.domain.charts import ENTERPRISE_NAME, Chart
from finops.domain.elements import ENTERPRISE
from finops.usecases.digest import Letterhead, amount
from finops.usecases.mail_pages import Block, page
from finops.usecases.ports import Mail

SLACK, TEAMS = "Slack", "Teams"  # the kinds of chat rooms
LISTED = 50  # alerts of a kind in a mail
SHOWN = 20  # alerts of a message to a room; Slack takes 50 blocks
LONGEST_LINE = 600
LONGEST_HEADER = 150  # characters, as Slack takes them
LONGEST_TITLE = 140
TITLES: Mapping[AlertKind, tuple[str, str]] = {
    AlertKind.SCHEDULE_LEVEL: ("Schedules", "So much of the month's schedule is spent."),
    AlertKind.FORECAST_BREACH: (
        "Forecasts beyond the schedule",
        "By forecast; four times of five a month ends between the two figures in brackets.",
    ),
    AlertKind.PACE: ("Ahead of the schedule", "Spend to date against the schedule to date."),
    AlertKind.CREDIT_RUNNING_OUT: ("Credits that end", ""),
    AlertKind.ANOMALY: ("Unusual days", "Against the same weekday of the weeks before."),
    AlertKind.LATE_DATA: ("Late bills", "Until they come, nothing newer is known."),
}
_MARKDOWN = re.compile(r"([\\`*_{}\[\]()#+\-.!|~>])")


class Names:
    """What elements are called: in the newest chart that has them."""

    def __init__(self, charts: Mapping[int, Chart]) -> None:
        self._charts = [charts[year] for year in sorted(charts, reverse=True)]

    def of(self, element: str) -> str:
        if element == ENTERPRISE:
            return ENTERPRISE_NAME
        for chart in self._charts:
            if chart.products_under(element):
                return chart.names(element)
        return element.rpartition(".")[2]


def sentence(one: Crossing, names: Names) -> str:
    """What happened, in a line."""
    name = names.of(one.element)
    match one.kind:
        case AlertKind.SCHEDULE_LEVEL:
            spent = f"{_money(one.actual)} of {_money(one.limit, one.currency)}"
            level = level_in_words(one.level or 0)
            return f"{name} has reached {level} of its schedule of {one.month}: {spent}"
        case AlertKind.FORECAST_BREACH:
            span = f"({_money(one.low)} to {_money(one.high)})"
            ahead = f"{_money(one.expected, one.currency)} {span}"
            return (
                f"{name} is going to spend {ahead} in {one.month}, of {_money(one.limit)} planned"
            )
        case AlertKind.PACE:
            so_far = f"{_money(one.actual)} instead of {_money(one.expected, one.currency)} so far"
            return f"{name} spent {so_far}; it passes its schedule of {one.month} on {one.day}"
        case AlertKind.CREDIT_RUNNING_OUT:
            ends = "expires" if one.credit_end is CreditEnd.EXPIRY else "is used up"
            left = f"{_money(one.actual, one.currency)} left"
            return f"The credit {one.credit_text} of {name} {ends} on {one.day}, {left}"
        case AlertKind.ANOMALY:
            of = f"The account {one.account_id}, which nobody owns," if one.account_id else name
            what = f" for {one.service}" if one.service else ""
            usual = "not seen before" if one.is_new else f"usually {_money(one.limit)}"
            cost = f"{_money(one.actual, one.currency)}{what}"
            return f"{of} cost {cost} on {one.day}, {usual}"
        case AlertKind.LATE_DATA:
            since = f"{one.delivered_at:%Y-%m-%d %H:%M} UTC" if one.delivered_at else "ever"
            return f"No bill of payer {one.payer} was delivered since {since}"
        case _:
            assert_never(one.kind)


def _money(ticks: int | None, currency: str | None = None) -> str:
    return "–" if ticks is None else amount(ticks, currency)


def title(alerts: Sequence[Alert], names: Names) -> str:
    """What a message is about: its alert, or how many they are."""
    if len(alerts) == 1:
        return _short(sentence(alerts[0].crossing, names), LONGEST_TITLE)
    return f"{len(alerts)} alerts"


def _short(said: str, most: int) -> str:
    told = " ".join(said.split())
    return told if len(told) <= most else told[: most - 1] + "…"


def in_order(alerts: Sequence[Alert]) -> list[Alert]:
    """By kind, the larger elements first, levels as they were passed."""
    kinds = list(AlertKind)
    return sorted(
        alerts,
        key=lambda one: (
            kinds.index(one.kind),
            one.element.count(".") if one.element else -1,
            one.element,
            one.crossing.level or 0,
            one.alert_id,
        ),
    )


# Mail ---------------------------------------------------------------------------------------------


def alert_mail(
    to: str, name: str, alerts: Sequence[Alert], names: Names, letterhead: Letterhead
) -> Mail:
    """The mail to one person about some alerts, a table for each kind."""
    listed = in_order(alerts)
    blocks = [
        Block(
            TITLES[kind][0],
            TITLES[kind][1],
            ("Alert", "Id"),
            [(sentence(one.crossing, names), one.alert_id) for one in listed if one.kind is kind],
            shown=LISTED,
        )
        for kind in AlertKind
        if any(one.kind is kind for one in listed)
    ]
    said = {"name": name, "alert": title(listed, names), "count": str(len(listed))}
    return page(to, blocks, letterhead, said)


# Chat rooms ---------------------------------------------------------------------------------------


class Room(NamedTuple):
    """A chat room: which *kind* it is of, and where its messages lead people to."""

    kind: str
    app_url: str | None


def room_message(alerts: Sequence[Alert], names: Names, room: Room) -> Mapping[str, Any]:
    """The message to a room about some alerts."""
    listed = in_order(alerts)
    lines = [_short(sentence(one.crossing, names), LONGEST_LINE) for one in listed[:SHOWN]]
    if len(listed) > SHOWN:
        lines.append(f"… and {len(listed) - SHOWN} more")
    return said_in(room, title(listed, names), lines)


def said_in(room: Room, headline: str, lines: Sequence[str]) -> Mapping[str, Any]:
    """A headline and some lines, as the room takes them."""
    return (teams if room.kind == TEAMS else slack)(headline, lines, room.app_url)


def slack(headline: str, lines: Sequence[str], app_url: str | None) -> Mapping[str, Any]:
    """Block Kit. Source: docs.slack.dev/messaging/formatting-message-text: `&`, `<` and `>` are all
    that begins a mention or a link; `verbatim` keeps names from becoming either."""
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": _bare(headline), "emoji": False}}
    ]
    blocks += [
        {
            "type": "section",
            "text": {"type": "mrkdwn", "text": slack_text(line), "verbatim": True},
        }
        for line in lines
    ]
    if app_url:
        link = {"type": "plain_text", "text": "Open the FinOps Center", "emoji": False}
        blocks.append(
            {"type": "actions", "elements": [{"type": "button", "text": link, "url": app_url}]}
        )
    return {"text": slack_text(headline), "blocks": blocks}


def _bare(said: str) -> str:
    """Text that is shown as it is, without what could be taken for a mention."""
    return re.sub(r"&[a-z]*$", "", slack_text(said)[:LONGEST_HEADER])


def slack_text(said: str) -> str:
    """*said* without markup: the three signs of Slack as entities, those of its formatting apart.

    >>> slack_text("<!channel> R&D *now*")
    '&lt;!channel&gt; R&amp;D *\u200bnow*\u200b'
    """
    told = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return re.sub(r"([*_~`@])", "\\1\u200b", told)


def teams(headline: str, lines: Sequence[str], app_url: str | None) -> Mapping[str, Any]:
    """An Adaptive Card, as a workflow of Teams takes it. Source:
    learn.microsoft.com/microsoftteams/platform/webhooks-and-connectors, Adaptive Cards 1.4: text
    blocks read Markdown; only entities that a card states become mentions, and this one states none.
    """
    card: dict[str, Any] = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": [
            {
                "type": "TextBlock",
                "text": teams_text(headline),
                "weight": "Bolder",
                "size": "Medium",
                "wrap": True,
            },
            *({"type": "TextBlock", "text": teams_text(line), "wrap": True} for line in lines),
        ],
    }
    if app_url:
        card["actions"] = [
            {"type": "Action.OpenUrl", "title": "Open the FinOps Center", "url": app_url}
        ]
    return {
        "type": "message",
        "attachments": [
            {
                "contentType": "application/vnd.microsoft.card.adaptive",
                "contentUrl": None,
                "content": card,
            }
        ],
    }


def teams_text(said: str) -> str:
    r"""*said* without markup: Markdown's signs behind backslashes, angle brackets as entities.

    >>> teams_text("[x](http://a) <at>all</at>")
    '\\[x\\]\\(http://a\\) &lt;at&gt;all&lt;/at&gt;'
    """
    plain = " ".join(said.split())
    escaped = _MARKDOWN.sub(r"\\\1", plain.replace("&", "&amp;").replace("<", "&lt;"))
    return escaped.replace("\\>", "&gt;")
