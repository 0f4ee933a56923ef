"""What a spreadsheet would run is only text to it: trap 13."""

import pytest

from finops.domain.cells import harmless


@pytest.mark.parametrize("cell", ["=1+1", "+SUM(A1)", "-2+3", "@cmd", "\tx", "\rx", "--1", "-"])
def test_what_a_spreadsheet_would_run_gets_an_apostrophe(cell: str) -> None:
    assert harmless(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-0.0000000676", "-12", "web", "a=b", "", 3, "1-2"])
def test_amounts_and_plain_words_stay_as_they_are(cell: object) -> None:
    assert harmless(cell) == cell


def test_what_is_absent_is_an_empty_cell() -> None:
    assert harmless(None) == ""
