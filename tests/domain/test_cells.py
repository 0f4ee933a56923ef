"""What a spreadsheet would run is only text to it: trap 13."""

import pytest

from finops.domain.cells import harmless

# The last four are the wide signs of Japanese and Chinese keyboards.
COMMANDS = ("=1+1", "+SUM(A1)", "-2+3", "@cmd", "\uff1d1", "\uff0b1", "\uff0d1", "\uff20cmd")


@pytest.mark.parametrize(
    "cell", [*COMMANDS, "\tx", "\rx", "\nx", "\n=1", " =1", "\u00a0=1", "--1", "-"]
)
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize(
    "cell", ["-0.0000000676", "-12", "web", "a=b", "", 3, "1-2", "two\nlines", "a\uff1db"]
)
def test_amounts_and_plain_words_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) == cell


def test_what_is_absent_is_an_empty_cell() -> None:
    assert harmless(None) == ""
