"""`finops explain`: what a controller reads, without an installation."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from finops.domain.errors import InvalidError
from finops.domain.people import Person
from finops.ledger import engine
from finops.local import cli, screen
from finops.local.commands import explain as commands
from finops.usecases import explain_views
from finops.usecases.explain import Asked, explain, explain_charges
from finops.usecases.explain_lines import Which, explain_lines
from tests.ledger.bill_files import WEB, line
from tests.usecases.explaining import ADMIN, Explained, delivered_lines, explained
from tests.usecases.test_explain import FIRST, MONTH, P1, P2, P3, split_account


class Answers:
    """The API as this command asks it, on the use cases themselves."""

    def __init__(self, of: Explained, who: Person) -> None:
        self._of, self._who = of, who
        self.asked: list[tuple[tuple[str, ...], dict[str, Any]]] = []

    def get(self, *path: str, **query: Any) -> Any:
        self.asked.append((path, query))
        said = {name: value for name, value in query.items() if value is not None}
        product, step = path[1], path[2] if len(path) > 2 else ""
        which = Which(said.pop("charge", None), said.pop("resource", None))
        by = tuple(said.pop("by", "").split(",")) if "by" in said else ()
        day = said.pop("day", None) and FIRST
        more = tuple((name, said.pop(name)) for name in commands.WHERE if name in said)
        asked = Asked(
            product,
            said["month"],
            said.get("account"),
            day,
            service=said.get("service"),
            charge_class=said.get("class"),
            payer=said.get("payer"),
            currency=said.get("currency"),
            more=more,
        )
        ports: Any = {"who": self._who, "shelf": self._of.stand.shelf}
        if step == "charges":
            return explain_views.charges(explain_charges(asked, **ports))
        if step == "lines":
            told = explain_lines(asked, which, who=self._who, **self._of.lines)
            return explain_views.lines(told)
        return explain_views.explanation(explain(asked, by, **ports))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Explained]:
    """An account of P1 and P2, in which P3 has claimed a resource."""
    folder = tmp_path_factory.mktemp("house")
    lines = [line("123.4567890120"), line("10", resource_id="i-1")]
    rules = split_account()
    with engine.connect(engine.Limits(scratch=folder, memory_mb=600, threads=1)) as connection:
        export = delivered_lines(lines, folder)
        yield explained(connection, folder, [export], rules.rules, rules.products)


@pytest.fixture
def api(house: Explained, monkeypatch: pytest.MonkeyPatch) -> Answers:
    made = Answers(house, ADMIN)
    monkeypatch.setattr(commands, "api_of", lambda *_, **__: made)
    monkeypatch.setattr(screen.console, "width", 200)
    return made


def finops(*words: str) -> Result:
    return CliRunner().invoke(cli.app, ["explain", *words])


def shown(*words: str) -> str:
    result = finops(*words)
    assert result.exit_code == 0, result.output + repr(result.exception)
    return result.stdout


def next_of(said: str) -> list[str]:
    """The words of the command that an answer ends with."""
    [command] = [one for one in said.splitlines() if one.startswith("Next, ")]
    words = command.partition("finops explain ")[2].split()
    return [word.strip("'") for word in words]


OF_A_DAY = ("--month", MONTH, "--account", WEB, "--day", FIRST.isoformat())


def test_a_figure_is_told_with_its_sum_its_rule_and_the_next_step(api: Answers) -> None:
    said = shown(P1, "--month", MONTH)

    assert "Sum: 74.0740734072 USD" in said
    assert (
        f"Split 1 of account {WEB}: 60.00 % of it, from 2026-09-01 up to 2027-01-01,"
        " set by ann@example.com at 2026-09-01T12:00 UTC"
    ) in said
    assert next_of(said)[:5] == [P1, "--month", MONTH, "--account", WEB]


def test_each_answer_names_the_command_that_leads_on_to_the_lines(api: Answers) -> None:
    said = shown(P1, "--month", MONTH)
    for _ in range(3):
        said = shown(*next_of(said))

    assert [path[2:] for path, _ in api.asked] == [(), (), ("charges",), ("lines",)]
    assert "Stated by the lines           123.4567890120 USD" in said
    assert "Cost of the charges (billed)  123.4567890120 USD" in said


def test_charges_say_what_share_of_their_whole_is_paid(api: Answers) -> None:
    said = shown(P1, *OF_A_DAY, "--charges")

    assert "60.00 % of 123.4567890120 = 74.0740734072 USD" in said
    assert "Sum of the parts: 74.0740734072 USD" in said
    assert P2 not in said


def test_charges_of_a_claim_say_who_claimed_them(api: Answers) -> None:
    said = shown(P3, *OF_A_DAY, "--charges")

    assert "all of 10.0000000000 = 10.0000000000 USD" in said
    assert "Claimed from 2026-08-31 by bob@example.com (2026-08-30T12:00 UTC)" in said


def test_lines_are_told_with_the_file_that_they_are_in(api: Answers) -> None:
    said = shown(P3, *OF_A_DAY, "--lines", "--resource", "i-1")

    assert "1:2" in said
    assert "cur2-00001.csv" in said


def test_a_program_is_told_the_same_as_json(api: Answers) -> None:
    told = json.loads(shown(P2, "--month", MONTH, "--by", "account,day", "--json"))

    assert told["totals"] == [{"currency": "USD", "amount": "49.3827156048"}]
    assert [row["day"] for row in told["rows"]] == [FIRST.isoformat()]


def test_a_figure_can_be_narrowed_by_what_gave_it(api: Answers) -> None:
    assert "Sum: nothing" in shown(P1, "--month", MONTH, "--where", "kind=Claim")


@pytest.mark.parametrize(
    "words, wrong",
    [
        (("--charges",), "add --account and --day"),
        (("--charge", "x"), "add --lines"),
        ((*OF_A_DAY[2:], "--charges", "--lines"), "take one of them"),
        (("--where", "kind"), "NAME=VALUE"),
        (("--where", "team=web"), "NAME=VALUE"),
    ],
)
def test_options_that_do_not_fit_are_refused_with_what_does(
    api: Answers, words: tuple[str, ...], wrong: str
) -> None:
    with pytest.raises(InvalidError, match=wrong):
        CliRunner().invoke(cli.app, ["explain", P1, *words], catch_exceptions=False)
