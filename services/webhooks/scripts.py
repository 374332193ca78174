"""The flows and prompts that ship with the dialog, read and checked when the process starts."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any, Final

import yaml

from ivr.flow import Flow, load_flow
from ivr.speech import Prompts, load_prompts
from schemas.errors import ConfigurationError
from schemas.tenant_config import TenantConfig

_MAIN: Final = "main"


@dataclass(frozen=True, slots=True)
class Scripts:
    """What dialogs follow and say."""

    flows: Mapping[str, Flow]
    prompts: Prompts

    def flow(self, tenant: TenantConfig) -> Flow:
        """Return a tenant's flow; the main one if this release has none of that name, so that its callers are heard."""
        return self.flows.get(tenant.flow) or self.flows[_MAIN]


def load_scripts() -> Scripts:
    """Read all flows and prompts.

    Raises:
        ConfigurationError: one is broken; says which and where.
    """
    flows = {name: load_flow(document) for name, document in _documents("flows").items()}
    if _MAIN not in flows:
        raise ConfigurationError("there is no flow main", remedy="Restore ivr/flows/main.yaml.")
    used = frozenset(name for flow in flows.values() for name in flow.prompts_used)
    return Scripts(flows, load_prompts(_documents("prompts"), used=used))


def data_file(*parts: str) -> Traversable:
    """Return a file of the dialog's data, such as `data_file("flows", "main.yaml")`."""
    return files("ivr").joinpath(*parts)


def _documents(folder: str) -> dict[str, Mapping[str, Any]]:
    paths = sorted(data_file(folder).iterdir(), key=lambda path: path.name)
    return {path.name.removesuffix(".yaml"): _read(path) for path in paths if path.name.endswith(".yaml")}


def _read(path: Traversable) -> Mapping[str, Any]:
    try:
        document = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = f", line {mark.line + 1}" if mark else ""
        raise ConfigurationError(f"{path.name}{line} is no YAML", remedy="Mend it.") from None
    if not isinstance(document, dict):
        raise ConfigurationError(f"{path.name} is no table of names", remedy="Mend it.")
    return document
