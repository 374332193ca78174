"""The command `frontdoor`. Whatever a person has to mend is told in one line, with exit code 2."""
# ruff: noqa: T201
# A command line prints; nothing else does.

import argparse
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from schemas.errors import ConfigurationError, FrontdoorError
from schemas.tenant_config import TenantConfig
from services.explanation import render
from services.runtime.clock import SystemClock
from services.runtime.crypto import ROOT_KEYS, load_root_keys
from services.runtime.identity import KEY_FILE, ROLES, DevelopmentKey, Identity, Role
from services.runtime.settings import Settings, load_settings, setting_rows
from services.runtime.telemetry import get_logger
from services.runtime.tenants import load_tenant
from services.simulation.options import Again
from services.simulation.options import add_arguments as add_simulation_arguments
from services.whatif import command as whatif

PROCESSES: Final = ("webhooks", "routing", "desktop", "call-control", "records", "console")
_ANSWER_S: Final = 10.0
_TTL_S_MAX: Final = 366 * 86400.0
_INTERRUPTED: Final = 130  # what shells expect after Ctrl-C

Command = Callable[[argparse.Namespace], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code: 0 done, 1 failed, 2 something to mend."""
    args = _parser().parse_args(argv)
    command: Command = args.command
    try:
        return command(args)
    except ConfigurationError as error:
        print(f"frontdoor: {error}", file=sys.stderr)
        return 2
    except FrontdoorError as error:
        print(f"frontdoor: {type(error).__name__}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return _INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="frontdoor", description="A call router for medical contact centers.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _add_running(commands)
    _add_configuration(commands)
    _add_reading(commands)
    _add_simulating(commands)
    whatif.add_to(commands, Again())
    return parser


def _add_running(commands: Any) -> None:
    up = _command(commands, "up", _up, "run everything in one process")
    up.add_argument("--port", type=int, help="port to listen on (FRONTDOOR_PORT)")
    up.add_argument("--demo", action=argparse.BooleanOptionalAction, help="simulated carrier, callers and agents")
    serve = _command(commands, "serve", _serve, "run one process")
    serve.add_argument("name", choices=PROCESSES)
    serve.add_argument("--port", type=int, help="port to listen on (FRONTDOOR_PORT)")


def _add_configuration(commands: Any) -> None:
    _command(commands, "keys", _keys, "make the keys that all processes share, unless they are there")
    settings = _command(commands, "settings", _settings, "list all settings: type, default, meaning")
    settings.add_argument("--json", action="store_true", help="as JSON")
    config = commands.add_parser("config", help="check or apply a tenant's document")
    actions = config.add_subparsers(metavar="ACTION", required=True)
    validate = _command(actions, "validate", _config_validate, "check a document")
    validate.add_argument("file", type=Path)
    apply = _command(actions, "apply", _config_apply, "check a document and give it to the running system")
    apply.add_argument("file", type=Path)
    _add_remote(apply)


def _add_reading(commands: Any) -> None:
    token = _command(commands, "token", _token, "print a token signed with the local development key")
    token.add_argument("--role", required=True, choices=ROLES)
    token.add_argument("--subject", required=True, metavar="ID", help="whose token: an agent's id, or any name")
    token.add_argument("--tenant", help="limit it to one tenant")
    token.add_argument("--ttl", type=float, metavar="SECONDS", help="how long it is good; a shift by default")
    explain = _command(commands, "explain", _explain, "tell what was decided for a contact, among whom and why")
    explain.add_argument("contact_id")
    explain.add_argument("--json", action="store_true", help="as JSON")
    _add_remote(explain)
    demo = commands.add_parser("demo", help="about the demo")
    actions = demo.add_subparsers(metavar="ACTION", required=True)
    credentials = _command(actions, "credentials", _demo_credentials, "print addresses, accounts, secrets and agents")
    credentials.add_argument("--json", action="store_true", help="as JSON")


def _add_simulating(commands: Any) -> None:
    parser = _command(commands, "simulate", _simulate, "compare routing policies on simulated days")
    add_simulation_arguments(parser)


def _command(commands: Any, name: str, run: Command, help_: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = commands.add_parser(name, help=help_, description=help_[0].upper() + help_[1:])
    parser.add_argument("--data", type=Path, metavar="DIR", help="data directory (FRONTDOOR_DATA_DIR)")
    parser.set_defaults(command=run)
    return parser


def _add_remote(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--url", help="where the system runs; this machine by default")
    parser.add_argument("--token", help="bearer token; signed with the local development key by default")


def _up(args: argparse.Namespace) -> int:
    return _run(load_settings(port=args.port, data_dir=args.data, demo=args.demo), PROCESSES)


def _serve(args: argparse.Namespace) -> int:
    return _run(load_settings(port=args.port, data_dir=args.data), (args.name,))


def _run(settings: Settings, names: Sequence[str]) -> int:
    from services import bootstrap  # noqa: PLC0415  the whole system: other commands start without it

    try:
        bootstrap.run(settings, names)
    except FrontdoorError:
        raise
    except Exception:  # noqa: BLE001  what it says might quote a caller
        get_logger(__name__).exception("process.failed")
        print("frontdoor: the process has failed; the log says where", file=sys.stderr)
        return 1
    return 0


def _keys(args: argparse.Namespace) -> int:
    data_dir = load_settings(data_dir=args.data).data_dir
    load_root_keys(data_dir)
    DevelopmentKey.load(data_dir)
    for file in (ROOT_KEYS, KEY_FILE):
        print(data_dir / file)
    return 0


def _settings(args: argparse.Namespace) -> int:
    rows = list(setting_rows())
    if args.json:
        print(json.dumps([row._asdict() for row in rows], indent=1))
        return 0
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
        print("  ".join([*cells, row.meaning]))
    print("\nSecrets: FRONTDOOR_SECRET_<NAME>, or secrets.json in the data directory.")
    return 0


def _token(args: argparse.Namespace) -> int:
    settings = load_settings(data_dir=args.data)
    if settings.oidc_issuer:
        raise ConfigurationError(
            f"tokens come from the issuer {settings.oidc_issuer}",
            remedy="Sign in there, or unset FRONTDOOR_OIDC_ISSUER.",
        )
    if args.ttl is not None and not 0 < args.ttl < _TTL_S_MAX:
        raise ConfigurationError("--ttl is no number of seconds up to a year", remedy="Such as --ttl 3600.")
    print(_signed(settings.data_dir, args.subject, role=args.role, tenant=args.tenant, ttl_s=args.ttl))
    return 0


def _config_validate(args: argparse.Namespace) -> int:
    config = load_tenant(args.file)
    print(f"{args.file}: tenant {config.tenant}, version {config.version}: {_contents(config)}. It is in order.")
    return 0


def _config_apply(args: argparse.Namespace) -> int:
    config = load_tenant(args.file)
    document = config.model_dump(mode="json", exclude_none=True)
    answer = _ask(args, "PUT", f"/v1/tenants/{config.tenant}", role="admin", json=document)
    done = "applied" if answer["changed"] else "in force already"
    print(f"tenant {config.tenant}, version {config.version}: {done}.")
    return 0


def _explain(args: argparse.Namespace) -> int:
    explanation = _ask(args, "GET", f"/v1/contacts/{args.contact_id}/explanation", role="auditor")
    print(json.dumps(explanation, indent=1, ensure_ascii=False) if args.json else render(explanation))
    return 0


def _simulate(args: argparse.Namespace) -> int:
    from services.simulation import command  # noqa: PLC0415  the router: other commands start without it

    return command.simulate(args)


def _demo_credentials(args: argparse.Namespace) -> int:
    path = load_settings(data_dir=args.data).data_dir / "demo.json"
    try:
        credentials = json.loads(path.read_bytes())
    except (OSError, ValueError):
        raise ConfigurationError(
            f"{path} is not there or broken", remedy="Start the demo once: make run, or frontdoor up --demo."
        ) from None
    text = yaml.safe_dump(credentials, sort_keys=False, allow_unicode=True).rstrip()
    print(json.dumps(credentials, indent=1, ensure_ascii=False) if args.json else text)
    return 0


def _contents(config: TenantConfig) -> str:
    counts = (("number", config.numbers), ("queue", config.queues), ("agent", config.agents))
    return ", ".join(f"{len(things)} {what}{'' if len(things) == 1 else 's'}" for what, things in counts)


def _ask(args: argparse.Namespace, method: str, path: str, *, role: Role, **request: Any) -> Any:
    """Ask the running system, as an operator of this machine unless a token is given."""
    settings = load_settings(data_dir=args.data)
    url = (args.url or f"http://127.0.0.1:{settings.port}").rstrip("/")
    token = args.token or _local_token(settings, role)
    try:
        answer = httpx.request(
            method, url + path, headers={"Authorization": f"Bearer {token}"}, timeout=_ANSWER_S, **request
        )
    except httpx.HTTPError:
        raise ConfigurationError(f"nothing answers at {url}", remedy="Start it (make run), or give --url.") from None
    if answer.is_success:
        return answer.json()
    raise ConfigurationError(f"{url} answered {answer.status_code}: {_detail(answer)}", remedy=_remedy(answer))


def _local_token(settings: Settings, role: Role) -> str:
    if settings.oidc_issuer or not (settings.data_dir / KEY_FILE).exists():
        raise ConfigurationError(
            f"there is no development key in {settings.data_dir}", remedy="Give --token or --data."
        )
    return _signed(settings.data_dir, "operator", role=role, tenant=None, ttl_s=60.0)


def _signed(data_dir: Path, subject: str, *, role: Role, tenant: str | None, ttl_s: float | None) -> str:
    identity = Identity(DevelopmentKey.load(data_dir), roots=load_root_keys(data_dir), clock=SystemClock())
    return identity.issue(subject, role=role, tenant=tenant, ttl_s=ttl_s)


def _detail(answer: httpx.Response) -> str:
    try:
        return str(answer.json()["detail"]).rstrip(".")
    except (ValueError, KeyError, TypeError):
        return answer.reason_phrase.lower()


def _remedy(answer: httpx.Response) -> str:
    known = {
        401: "Give --token, or the --data of that system.",
        404: "Check the id.",
        409: "Mend the document.",
    }
    return known.get(answer.status_code, "See its log.")


if __name__ == "__main__":
    sys.exit(main())
