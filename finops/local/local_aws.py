"""The local AWS: one background process of this clone, on 127.0.0.1 only, its state beside it."""

import fcntl
import hashlib
import http.client
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.session import Session

from finops.domain.errors import FinOpsError

ROOT = Path(__file__).parents[2]
HOST = "127.0.0.1"
ACCOUNT_ID = "111122223333"
REGION = "us-east-1"
# Nobody's: the emulator takes the account from the key's id, and checks nothing else.
CREDENTIALS = {"aws_access_key_id": ACCOUNT_ID, "aws_secret_access_key": "local"}
# Our clients read no profile and no file of the caller's: (setting, variable, value, cast).
NOT_THE_CALLERS = {
    "profile": (None, None, None, None),
    "config_file": (None, None, os.devnull, None),
    "credentials_file": (None, None, os.devnull, None),
}

START_SECONDS = 60
STOP_SECONDS = 120  # it writes its whole state while it stops
POLL_SECONDS = 0.05
# Below what operating systems hand out to outgoing connections (from 32768), above the well-known.
PORTS = range(20_000, 30_000)
# All that the emulator and its Lambdas see of the caller's environment: no profile, no proxy.
INHERITED = ("HOME", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "PATH", "SYSTEMROOT", "TZ")


class LocalAwsError(FinOpsError):
    """The local AWS could not be started or stopped; says why, and where to look."""


def folder() -> Path:
    """Where this clone keeps its local AWS: `.local`, or what FINOPS_LOCAL_DIR says."""
    return Path(os.environ.get("FINOPS_LOCAL_DIR") or ROOT / ".local").resolve()


class LocalAws:
    """The local AWS of one folder.

    It holds a lock on `aws.lock` for as long as it lives: that, and not a process id that
    may have passed to somebody else, says whether it runs. *at_first* gives the state that services
    start with which have none yet, by service.
    """

    def __init__(self, where: Path, at_first: Callable[[], Mapping[str, str]] = dict) -> None:
        self.folder = where
        self._at_first = at_first
        self.log = where / "aws.log"
        self._lock = where / "aws.lock"
        self._turn = where / "turn.lock"
        self._pid = where / "pid"
        self._port = where / "port"
        self._state = where / "state"
        self._objects = where / "s3"
        self._temporary = where / "tmp"

    @property
    def running(self) -> bool:
        return self._lock.exists() and _locked(self._lock)

    @property
    def port(self) -> int | None:
        """The port it had last; kept, so that addresses stay true from one start to the next."""
        try:
            return int(self._port.read_text())
        except (FileNotFoundError, ValueError):
            return None

    @property
    def pid(self) -> int | None:
        """Its process, where it runs."""
        try:
            return int(self._pid.read_text()) if self.running else None
        except (FileNotFoundError, ValueError):
            return None

    @property
    def endpoint(self) -> str | None:
        return f"http://{HOST}:{self.port}" if self.running and self.port else None

    def client(self, name: str) -> Any:
        """A client of the AWS service *name*, with nobody's credentials and past any proxy."""
        if self.endpoint is None:
            raise LocalAwsError("the local AWS is not running: `finops local up` starts it")
        return _session().client(
            name,
            endpoint_url=self.endpoint,
            region_name=REGION,
            config=Config(proxies={}, retries={"total_max_attempts": 3, "mode": "standard"}),
            **CREDENTIALS,
        )

    def up(self, tell: Callable[[str], None] = lambda said: None) -> bool:
        """Starts it, unless it runs; whether it had to. *tell* hears what a person should know."""
        with one_at_a_time(self._turn):
            if self.running:
                self._await_health(lambda: self.running)
                return False
            if self._pid.exists():
                self._after_a_crash(tell)
            for port in _free_ports(self.port, self.folder):
                if self._start(port):
                    return True
            raise LocalAwsError(f"no port is free on {HOST}")

    def down(self) -> bool:
        """Stops it and waits until its state is written; whether there was anything to stop."""
        with one_at_a_time(self._turn):
            return self._stop(signal.SIGTERM)

    def reset(self) -> None:
        """Stops it and forgets everything it stored. Its port stays."""
        with one_at_a_time(self._turn):
            self._stop(signal.SIGKILL)
            for each in self.folder.iterdir() if self.folder.exists() else ():
                if each.suffix == ".lock" or each in (self._port, self.log):
                    continue
                shutil.rmtree(each) if each.is_dir() else each.unlink()

    def _after_a_crash(self, tell: Callable[[str], None]) -> None:
        """Objects are kept at once, all else when it stops: objects alone are of no use."""
        if any(self._state.glob("*.json")):
            tell("It was not stopped cleanly: all but objects is as at its last clean stop.")
        else:
            tell("It was not stopped cleanly, ever: it starts anew.")
            shutil.rmtree(self._objects, ignore_errors=True)
        self._pid.unlink()

    def _start(self, port: int) -> bool:
        """Whether it came up on *port*; False where somebody else was faster to take it."""
        shutil.rmtree(self._temporary, ignore_errors=True)
        for each in (self._temporary, self._state, self._objects):
            each.mkdir(parents=True, exist_ok=True)
        self._begin_streams_anew()
        with self._first_state():
            return self._run(port)

    def _begin_streams_anew(self) -> None:
        """Forget how far streams were followed: it keeps that, and of the streams nothing.

        Who follows one would wait until as many records have come as there were before.
        """
        path = self._state / "lambda.json"
        if not path.exists():
            return
        kept = json.loads(path.read_text())
        if kept.get("payload", {}).pop("dynamodb_stream_positions", None):
            path.write_text(json.dumps(kept))

    @contextmanager
    def _first_state(self) -> Iterator[None]:
        """State for services that have none, there while it starts: it keeps its own afterwards.

        What lay about until it stops would look as if it had stopped cleanly before.
        """
        made = []
        for service, state in self._at_first().items():
            path = self._state / f"{service}.json"
            if not path.exists():
                path.write_text(state)
                made.append(path)
        try:
            yield
        finally:
            for path in made:
                path.unlink()

    def _run(self, port: int) -> bool:
        with self._lock.open("w") as lock, self.log.open("w") as log:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            process = subprocess.Popen(
                [sys.executable, "-m", "ministack"],
                cwd=self.folder,
                env=self._environment(port),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                pass_fds=[lock.fileno()],  # the lock lives as long as the process does
                start_new_session=True,
            )
            self._pid.write_text(str(process.pid))
            self._port.write_text(str(port))
        try:
            self._await_health(lambda: process.poll() is None)
        except LocalAwsError:
            if process.poll() is None or "already in use" not in self.log.read_text():
                raise
            return False
        return True

    def _environment(self, port: int) -> dict[str, str]:
        return {
            **{name: os.environ[name] for name in INHERITED if name in os.environ},
            "AWS_ACCESS_KEY_ID": ACCOUNT_ID,
            "AWS_SECRET_ACCESS_KEY": CREDENTIALS["aws_secret_access_key"],
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AUTH": "false",
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(port),
            "MINISTACK_ACCOUNT_ID": ACCOUNT_ID,
            "MINISTACK_HOST": "localhost",
            "MINISTACK_REGION": REGION,
            "PERSIST_STATE": "1",
            "STATE_DIR": str(self._state),
            "S3_PERSIST": "1",
            "S3_DATA_DIR": str(self._objects),
            "TMPDIR": str(self._temporary),
            # Lambdas are subprocesses of this interpreter; a Docker engine is let be.
            "LAMBDA_EXECUTOR": "local",
            # A burst of events leaves a process for each behind; one a Lambda stays for good.
            "LAMBDA_WARM_TTL_SECONDS": "20",
            "DOCKER_HOST": f"unix://{self.folder}/no-docker",
            # Both would listen on fixed ports, and not only on this machine's address.
            "SFTP_ENABLED": "0",
            "IOT_MTLS_ENABLED": "0",
            "LOG_LEVEL": "INFO",
        }

    def _await_health(self, alive: Callable[[], bool]) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if not alive():
                raise LocalAwsError(f"the local AWS stopped while starting:\n{self._last_words()}")
            if self.port is not None and _healthy(self.port):
                return
            time.sleep(POLL_SECONDS)
        raise LocalAwsError(
            f"the local AWS did not answer for {START_SECONDS} s:\n{self._last_words()}"
        )

    def _stop(self, how: signal.Signals) -> bool:
        if not self.running:
            return False
        pid = self.pid
        if pid is None:
            raise LocalAwsError(f"something holds {self._lock}, but its process is not known")
        with suppress(ProcessLookupError):  # it was just ending by itself
            os.kill(pid, how)
        deadline = time.monotonic() + STOP_SECONDS
        while self.running:
            if time.monotonic() > deadline:
                raise LocalAwsError(f"process {pid} is not stopping, see {self.log}")
            time.sleep(POLL_SECONDS)
        self._pid.unlink(missing_ok=True)
        return True

    def _last_words(self) -> str:
        return "\n".join([*self.log.read_text().splitlines()[-15:], f"(all of it: {self.log})"])


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Of two commands at once, the second waits for the first. *path* is the file they share."""
    # Bills are nobody else's on this machine to read.
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@cache
def _session() -> boto3.Session:
    """One, because each reads the models of the services anew."""
    return boto3.Session(botocore_session=Session(NOT_THE_CALLERS))


def _locked(path: Path) -> bool:
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _free_ports(preferred: int | None, where: Path) -> Iterator[int]:
    """Ports to try: the last one, then on from a place that differs from clone to clone."""
    digest = hashlib.sha256(str(where).encode()).digest()
    start = int.from_bytes(digest[:4], "big") % len(PORTS)
    for port in (preferred, *PORTS[start:], *PORTS[:start]):
        if port is not None and _free(port):
            yield port


def _free(port: int) -> bool:
    with socket.socket() as probe:
        # A port of a process that just ended lingers, and may be had.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def _healthy(port: int) -> bool:
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/_ministack/health")
        answer = connection.getresponse()
        return answer.status == 200 and "services" in json.loads(answer.read())
    except (OSError, http.client.HTTPException, ValueError):
        return False
    finally:
        connection.close()
