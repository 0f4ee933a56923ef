"""The contract of `ChartFiles`: a version that was read can be read again, whatever came since."""

import json
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from finops.domain.chart_files import MOST_BYTES
from finops.domain.errors import NotFoundError
from tests.aws import CHARTS_BUCKET, client
from tests.usecases.organisation import Organisation


def test_a_version_is_read_as_it_was_whatever_came_since(organisation: Organisation) -> None:
    first = organisation.put("in/a.csv", "first")
    second = organisation.put("in/a.csv", "second")
    files = organisation.chart_files

    assert files.read("in/a.csv", first).content == b"first"
    assert files.read("in/a.csv", second).content == b"second"
    newest = files.read("in/a.csv", None)
    assert (newest.version, newest.content) == (second, b"second")


def test_a_file_that_is_gone_is_not_found(organisation: Organisation) -> None:
    with pytest.raises(NotFoundError, match=r"no in/a\.csv in the bucket"):
        organisation.chart_files.read("in/a.csv", None)


def test_an_upload_is_known_once_it_is_there(organisation: Organisation) -> None:
    assert organisation.chart_files.uploaded("0" * 32) is None
    organisation.put(f"drafts/{'0' * 32}", "content")

    found = organisation.chart_files.uploaded("0" * 32)

    assert found is not None
    assert found.content == b"content"


def test_a_report_is_read_as_it_was_written(organisation: Organisation) -> None:
    report = {"errors": [{"row": 2, "value": "Crédit & <b>"}]}
    key = organisation.chart_files.write_report("load-1", report)

    assert organisation.chart_files.report(key) == report


def test_another_report_of_a_load_has_another_key(organisation: Organisation) -> None:
    """Of two who load a file at once, the slower one writes over nothing."""
    files = organisation.chart_files
    first, other = ({"added": count} for count in (5, 0))
    keys = [files.write_report(load, report) for load in ("a", "b") for report in (first, other)]

    assert len(set(keys)) == 4
    assert files.write_report("a", first) == keys[0]
    assert [files.report(key) for key in keys] == [first, other, first, other]


def test_what_is_kept_of_a_file_stays_when_the_upload_is_gone(organisation: Organisation) -> None:
    files = organisation.chart_files
    key, version = files.keep("load-1", b"first")
    again, other = files.keep("load-1", b"second")

    assert key == again == "files/load-1"
    assert version != other
    assert files.read(key, version).content == b"first"
    assert files.read(key, other).content == b"second"


def test_a_file_says_when_it_came(organisation: Organisation) -> None:
    version = organisation.put("in/a.csv", "first")
    found = organisation.chart_files.read("in/a.csv", version)

    assert found.came_at.utcoffset() == timedelta(0)
    assert organisation.chart_files.read("in/a.csv", None).came_at == found.came_at


@pytest.mark.parametrize("organisation", ["real"], indirect=True)
def test_links_lead_to_one_object_for_a_while(organisation: Organisation) -> None:
    upload = urlsplit(organisation.chart_files.upload_link("0" * 32, 900))
    assert upload.path.endswith(f"drafts/{'0' * 32}")

    link = organisation.chart_files.download_link("in/a.csv", "v7", 'a";\r\nX: y é.csv', 300)
    query = parse_qs(urlsplit(link).query)

    assert query["versionId"] == ["v7"]
    assert query["response-content-type"] == ["text/csv"]
    assert query["response-content-disposition"] == ['attachment; filename="a____X__y__.csv"']


@pytest.mark.parametrize("organisation", ["real"], indirect=True)
def test_a_report_beside_a_file_is_json_that_people_can_read(organisation: Organisation) -> None:
    organisation.chart_files.write_beside("in/a.csv", {"name": "Crédit", "errors": 0})
    kept = client("s3").get_object(Bucket=CHARTS_BUCKET, Key="in/a.csv.report.json")

    assert kept["ContentType"] == "application/json"
    text = kept["Body"].read().decode()
    assert "Crédit" in text
    assert len(text.splitlines()) == 4
    assert json.loads(text) == {"name": "Crédit", "errors": 0}


@pytest.mark.parametrize("organisation", ["real"], indirect=True)
def test_no_more_is_read_of_a_file_than_a_chart_may_have(organisation: Organisation) -> None:
    organisation.put("in/large.csv", b"x" * (MOST_BYTES + 1000))

    assert len(organisation.chart_files.read("in/large.csv", None).content) == MOST_BYTES + 1
