"""The contract of the bucket of closes, of where files are picked up, and of a month's end."""

import gzip
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlparse

import pytest
from moto.core.models import DEFAULT_ACCOUNT_ID

from finops.adapters.close_files import PICKED_UP, KeptDelivery, S3CloseDelivery, S3CloseFiles
from finops.adapters.closes import DynamoSettlement, dynamo_closes
from finops.adapters.credits import dynamo_credits
from finops.adapters.records import Records
from finops.domain.audit import Deed
from finops.domain.errors import ConflictError, NotFoundError
from finops.domain.month_closes import MonthClose
from finops.usecases.ports import CloseFiles, Save, Settlement
from tests.adapters.test_credits import GRANT, new
from tests.aws import AUDIT, CLOSES, CLOSES_BUCKET, CREDITS, REQUESTS, client, organised
from tests.card_fakes import InMemoryCloseFiles, InMemorySettlement
from tests.usecases.organisation import NOW, Organisation, act

DONE = Deed(action="Complete", event="MonthClosed")


@pytest.fixture(params=["fake", "real"])
def files(request: pytest.FixtureRequest) -> Iterator[CloseFiles]:
    if request.param == "fake":
        yield InMemoryCloseFiles()
    else:
        with organised():
            yield S3CloseFiles(client("s3"), CLOSES_BUCKET)


def test_what_is_put_is_read_as_it_was(files: CloseFiles) -> None:
    files.put("files/2026-08/9f/Journal.csv", b"a,b\r\n")

    assert files.read("files/2026-08/9f/Journal.csv") == b"a,b\r\n"
    with pytest.raises(NotFoundError, match="seals/none"):
        files.read("seals/none")


def test_an_object_stays_as_it_is_and_the_same_once_more_is_there_already(
    files: CloseFiles,
) -> None:
    files.put("files/2026-08/9f/Journal.csv", b"figures")
    files.put("files/2026-08/9f/Journal.csv", b"figures")

    with pytest.raises(ConflictError, match="stays as it is"):
        files.put("files/2026-08/9f/Journal.csv", b"others")

    assert files.read("files/2026-08/9f/Journal.csv") == b"figures"


def test_the_same_figures_in_other_bytes_of_gzip_are_there_already(files: CloseFiles) -> None:
    key, figures = "snapshots/2026-08/9f.json.gz", b"figures" * 100
    files.put(key, gzip.compress(figures, compresslevel=1, mtime=0))

    files.put(key, gzip.compress(figures, compresslevel=9, mtime=0))

    assert files.read(key) == gzip.compress(figures, compresslevel=1, mtime=0)
    with pytest.raises(ConflictError, match="stays as it is"):
        files.put(key, gzip.compress(b"others", mtime=0))


def test_the_bucket_has_one_version_of_what_was_put_twice() -> None:
    with organised():
        files = S3CloseFiles(client("s3"), CLOSES_BUCKET)
        files.put("a.csv", b"a")
        files.put("a.csv", b"a")

        versions = client("s3").list_object_versions(Bucket=CLOSES_BUCKET)["Versions"]
        [head] = [client("s3").head_object(Bucket=CLOSES_BUCKET, Key="a.csv")]

    assert len(versions) == 1
    assert head["ContentType"].startswith("text/csv")


def test_a_link_ends_and_names_the_file() -> None:
    with organised():
        files = S3CloseFiles(client("s3"), CLOSES_BUCKET)
        link = files.link("files/2026-08/9f/x.csv", 'Über "all".csv', 300)

    query = parse_qs(urlparse(link).query)
    assert "/files/2026-08/9f/x.csv" in link
    assert query["response-content-disposition"] == ['attachment; filename="_ber__all_.csv"']
    assert {"Expires", "X-Amz-Expires"} & query.keys()


def test_files_are_picked_up_under_a_prefix_of_ours() -> None:
    files = InMemoryCloseFiles()
    delivery = KeptDelivery(files)

    delivery.put("2026-08/Journal.csv", b"a")
    delivery.put("2026-08/Journal.csv", b"a")

    assert files.objects == {f"{PICKED_UP}2026-08/Journal.csv": b"a"}


def test_a_bucket_of_somebody_elses_is_written_to_and_never_read() -> None:
    with organised():
        client("s3").create_bucket(Bucket="finance")
        delivery = S3CloseDelivery(OnlyPuts(client("s3")), "finance", DEFAULT_ACCOUNT_ID)

        delivery.put("2026-08/Journal.csv", b"a")
        delivery.put("2026-08/Journal.csv", b"a")

        found = client("s3").get_object(Bucket="finance", Key="2026-08/Journal.csv")
        assert found["Body"].read() == b"a"


def test_s3_is_told_whose_bucket_it_has_to_be() -> None:
    asked: list[dict[str, Any]] = []

    class Asked:
        def put_object(self, **said: Any) -> None:
            asked.append(said)

    S3CloseDelivery(Asked(), "finance", "444455556666").put("2026-08/Journal.csv", b"a")

    assert [one["ExpectedBucketOwner"] for one in asked] == ["444455556666"]


class OnlyPuts:
    """A client that may do nothing else."""

    def __init__(self, s3: Any) -> None:
        self.put_object = s3.put_object


@pytest.mark.parametrize("kind", ["fake", "real"])
def test_a_month_and_what_credits_paid_of_it_are_one_step(kind: str) -> None:
    with organised():
        organisation = Organisation.on_aws() if kind == "real" else Organisation()
        writer = Records(client("dynamodb"), AUDIT, REQUESTS)
        closes = dynamo_closes(writer, CLOSES) if kind == "real" else organisation.closes
        ends: Settlement = InMemorySettlement(organisation.records)
        if kind == "real":
            ends = DynamoSettlement(
                writer, dynamo_closes(writer, CLOSES), dynamo_credits(writer, CREDITS)
            )
        credits_ = organisation.credits
        [one] = credits_.save([Save(None, new(), GRANT)], act())
        [close] = closes.save(
            [Save(None, MonthClose.new("2026-01"), Deed(action="SetHeaders"))], act()
        )
        after = close.changed(changed_at=NOW)
        paid = one.closed("2026-01", 5, NOW)

        done = ends.save(Save(close, after, DONE), [Save(one, paid, Deed(action="Settle"))], act())

        assert closes.find("2026-01") == done
        found = credits_.find("c-1")
        assert found is not None
        assert found.used == 5
        [record] = list(organisation.audit.chain("month-close#2026-01"))[1:]
        assert (record.event, record.hash) == ("MonthClosed", done.head)

        more = Save(found, found.closed("2026-02", 5, NOW), Deed(action="Settle"))
        with pytest.raises(ConflictError):
            ends.save(Save(close, after, DONE), [more], act())
        assert credits_.find("c-1") == found, "neither is written"
