#!/usr/bin/env python3
"""Run one Apache Kafka broker on this machine, without Docker: Java and Maven are all it needs.

From the shell: `deploy/kafka/run_broker.py --port 9092 --data DIR`; Ctrl-C stops it, and the same folder goes on where
it stopped. From a program: `Broker`. The jars are fetched once by Maven, from wherever this machine's Maven fetches,
into FRONTDOOR_KAFKA_CACHE or ~/.cache/frontdoor/kafka. Standard library only.
"""

import argparse
import fcntl
import hashlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from string import Template
from types import TracebackType
from typing import Final, Self

_HERE: Final = Path(__file__).parent
_CLUSTER_ID: Final = "ZnJvbnRkb29yLWthZmthLQ"  # any 16 bytes in base64; fixed, so that a folder can be started again
_JVM: Final = ("-Xms256m", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")  # quick to warm up
_START_TIMEOUT_S: Final = 60.0
_STOP_TIMEOUT_S: Final = 20.0
_POLL_S: Final = 0.05


class BrokerError(RuntimeError):
    """The broker cannot be had; the message says what to do."""


def missing_tools() -> str | None:
    """Return what this machine lacks to run a broker, or None."""
    missing = [name for name in ("java", "mvn") if shutil.which(name) is None]
    if not missing:
        return None
    return f"{' and '.join(missing)} not found: install a Java 17 runtime and Maven"


def libraries() -> Path:
    """Return the folder with the broker's jars; Maven fetches them the first time. Safe to call from many processes."""
    pom = _HERE / "pom.xml"
    cache = Path(os.environ.get("FRONTDOOR_KAFKA_CACHE") or Path.home() / ".cache" / "frontdoor" / "kafka")
    target = cache / hashlib.sha256(pom.read_bytes()).hexdigest()[:16]
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (target / "complete").exists():
            _fetch(pom, target)
    return target


def free_port() -> int:
    """Return a port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """One broker over one folder. Not thread-safe.

    Args:
        folder: Holds settings, log and output; made if missing. One broker at a time.
        port: Where clients connect, on the loopback; 0 takes a free one and keeps it.
    """

    def __init__(self, folder: Path, *, port: int = 0) -> None:
        self._folder = folder
        self.port = port or free_port()
        self._controller_port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def bootstrap(self) -> str:
        """Where clients connect, as host:port."""
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """The running broker's process id, for fault tests; raises `BrokerError` when it is stopped."""
        if self._process is None:
            raise BrokerError("the broker is not running")
        return self._process.pid

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Start, and return once it accepts connections; raises `BrokerError` with the end of its output."""
        command = self.command()
        with self._output.open("ab") as output:
            # A session of its own: Ctrl-C in the shell reaches us, and we stop it in order.
            self._process = subprocess.Popen(  # noqa: S603 - our own arguments
                command, stdout=output, stderr=output, start_new_session=True
            )
        try:
            self._wait_until_it_answers()
        except BaseException:
            self.kill()
            raise

    def command(self) -> list[str]:
        """Prepare the folder and return the command that runs the broker, for whoever starts processes by themselves.

        Raises:
            BrokerError: the folder cannot be formatted, or there is no Java or no Maven.
        """
        settings = self._settings()
        if not (self._folder / "log" / "meta.properties").exists():
            self._run_tool(settings)
        return self._java("kafka.Kafka", str(settings))

    def stop(self) -> None:
        """Stop in order; the folder can be started again. Does nothing when it is stopped."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Stop at once, as a crash would."""
        self._end(signal.SIGKILL)

    def wait(self) -> int:
        """Return the broker's exit code once it has ended by itself."""
        return 0 if self._process is None else self._process.wait()

    @property
    def _output(self) -> Path:
        return self._folder / "output.txt"

    def _settings(self) -> Path:
        log = self._folder / "log"
        log.mkdir(parents=True, exist_ok=True)
        template = Template((_HERE / "server.properties").read_text())
        path = self._folder / "server.properties"
        path.write_text(
            template.safe_substitute(port=self.port, controller_port=self._controller_port, log_dir=log.resolve())
        )
        return path

    def _run_tool(self, settings: Path) -> None:
        command = self._java(
            "kafka.tools.StorageTool", "format", "-t", _CLUSTER_ID, "-c", str(settings), "--standalone"
        )
        done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
        if done.returncode:
            raise BrokerError(f"the log folder could not be formatted:\n{done.stdout}{done.stderr}")

    def _java(self, *arguments: str) -> list[str]:
        java = shutil.which("java")
        if java is None:
            raise BrokerError(missing_tools() or "java not found")
        return [java, *_JVM, "-cp", f"{libraries()}/*", *arguments]

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT_S
        while time.monotonic() < deadline:
            if self._process is None or self._process.poll() is not None:
                raise BrokerError(f"the broker ended while starting:\n{self._last_words()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), timeout=1).close()
            except OSError:
                time.sleep(_POLL_S)
            else:
                return
        raise BrokerError(f"the broker does not answer:\n{self._last_words()}")

    def _last_words(self) -> str:
        return self._output.read_text(errors="replace")[-4000:]

    def _end(self, how: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.send_signal(how)
        try:
            process.wait(_STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _fetch(pom: Path, target: Path) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise BrokerError(missing_tools() or "mvn not found")
    shutil.rmtree(target, ignore_errors=True)  # what a cut-short attempt left
    command = [maven, "-q", "-B", "-f", str(pom), "dependency:copy-dependencies", f"-DoutputDirectory={target}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own arguments
    if done.returncode:
        raise BrokerError(f"Maven could not fetch the broker:\n{done.stdout[-4000:]}{done.stderr[-4000:]}")
    (target / "complete").touch()


def main() -> int:
    """Run a broker until a signal comes; the command line's entry."""
    parser = argparse.ArgumentParser(description="Run one Apache Kafka broker on this machine, for development.")
    parser.add_argument("--port", type=int, default=9092, help="where clients connect (default: %(default)s)")
    parser.add_argument("--data", type=Path, default=Path("data/kafka"), help="its folder (default: %(default)s)")
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.getsignal(signal.SIGINT))
    try:
        with Broker(options.data, port=options.port) as broker:
            sys.stdout.write(f"Kafka accepts connections at {broker.bootstrap}; Ctrl-C stops it\n")
            sys.stdout.flush()
            return broker.wait()
    except KeyboardInterrupt:
        return 0
    except BrokerError as error:
        sys.stderr.write(f"{error}\n")
        return 1


if __name__ == "__main__":
    sys.exit(main())
