"""The local AWS starts once, stops cleanly, and is nobody else's."""

import json
import os
import signal
import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from finops.local.local_aws import HOST, LocalAws, LocalAwsError

pytestmark = pytest.mark.local_aws


def answers(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0


def port_of(aws: LocalAws) -> int:
    assert aws.port is not None
    return aws.port


def pid_of(aws: LocalAws) -> int:
    assert aws.pid is not None
    return aws.pid


def test_starting_twice_starts_once(aws: LocalAws) -> None:
    assert aws.up()
    pid = aws.pid

    assert not aws.up()
    assert aws.pid == pid


def test_of_two_starts_at_once_one_finds_it_running(aws: LocalAws) -> None:
    with ThreadPoolExecutor() as pool:
        started = [future.result() for future in [pool.submit(aws.up), pool.submit(aws.up)]]

    assert sorted(started) == [False, True]


def test_only_this_machine_reaches_it(aws: LocalAws) -> None:
    aws.up()

    assert answers(HOST, port_of(aws))
    # Another address of the same machine: what listens everywhere would answer there too.
    assert not answers("127.0.0.2", port_of(aws))


def test_what_was_stored_is_there_after_a_stop_at_the_same_address(aws: LocalAws) -> None:
    aws.up()
    address = aws.endpoint
    aws.client("s3").create_bucket(Bucket="bills")
    aws.client("s3").put_object(Bucket="bills", Key="a/b", Body=b"1.50")
    aws.client("ssm").put_parameter(Name="/a", Value="b", Type="String")

    assert aws.down()
    assert not aws.running
    assert aws.endpoint is None
    aws.up()

    assert aws.endpoint == address
    assert aws.client("s3").get_object(Bucket="bills", Key="a/b")["Body"].read() == b"1.50"
    assert aws.client("ssm").get_parameter(Name="/a")["Parameter"]["Value"] == "b"


def test_how_far_streams_were_followed_is_forgotten_as_they_are(aws: LocalAws) -> None:
    aws.up()
    aws.down()
    state = aws.folder / "state" / "lambda.json"
    payload = {"functions": {}, "dynamodb_stream_positions": {"data": {"a-mapping": 1_014}}}
    state.write_text(json.dumps({"payload": payload}))

    aws.up()

    assert json.loads(state.read_text()) == {"payload": {"functions": {}}}


def test_stopping_twice_is_no_error(aws: LocalAws) -> None:
    aws.up()

    assert aws.down()
    assert not aws.down()


def test_nothing_is_left_after_a_reset(aws: LocalAws) -> None:
    aws.up()
    aws.client("s3").create_bucket(Bucket="bills")
    aws.client("s3").put_object(Bucket="bills", Key="a", Body=b"1")

    aws.reset()
    assert not aws.running
    aws.up()

    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_crash_is_told_and_half_a_state_is_not_used(aws: LocalAws) -> None:
    aws.up()
    aws.client("s3").create_bucket(Bucket="bills")
    aws.client("s3").put_object(Bucket="bills", Key="a", Body=b"1")
    os.kill(pid_of(aws), signal.SIGKILL)
    while aws.running:
        pass

    said: list[str] = []
    assert aws.up(said.append)

    assert "not stopped cleanly" in said[0]
    assert aws.client("s3").list_buckets()["Buckets"] == []


def test_a_process_that_got_our_old_number_is_let_be(aws: LocalAws) -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as stranger:
        aws.folder.mkdir()
        (aws.folder / "pid").write_text(str(stranger.pid))

        assert not aws.down()
        assert aws.pid is None
        aws.reset()

        assert stranger.poll() is None
        stranger.kill()


def test_two_clones_run_side_by_side(aws: LocalAws, tmp_path: Path) -> None:
    other = LocalAws(tmp_path / "other")
    try:
        aws.up()
        other.up()

        assert aws.port != other.port
        aws.client("s3").create_bucket(Bucket="bills")
        assert other.client("s3").list_buckets()["Buckets"] == []
    finally:
        other.reset()


def test_a_port_that_somebody_took_meanwhile_is_left_to_them(aws: LocalAws) -> None:
    aws.up()
    port = port_of(aws)
    aws.down()

    with socket.create_server((HOST, port)):
        aws.up()

        assert aws.port != port


def test_a_client_of_what_does_not_run_says_how_to_start_it(aws: LocalAws) -> None:
    with pytest.raises(LocalAwsError, match="finops local up"):
        aws.client("s3")


def test_one_that_cannot_start_says_why(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")

    with pytest.raises(LocalAwsError, match=r"stopped while starting[^$]*aws\.log"):
        aws.up()
