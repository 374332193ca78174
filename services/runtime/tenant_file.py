"""A tenant's document from YAML, with errors that name file, line and remedy."""

import difflib
import re
import typing
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, Final, NoReturn, Union

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from schemas.errors import ConfigurationError, Inconsistent
from schemas.tenant_config import TenantConfig
from services.runtime.clock import SystemClock
from services.runtime.findings import Finding, Loc
from services.runtime.tenant_checks import findings

_DOCUMENT_BYTES_MAX: Final = 512 * 1024  # it has to fit into one record of the log
_CHECK_AGAIN: Final = "Mend it and run `frontdoor config validate` again."


class _Loader(yaml.SafeLoader):
    """Plain scalars of YAML 1.2: `17:00`, `+15005550100` and `no` stay text, only true and false are truth values."""


_Loader.yaml_implicit_resolvers = {}
for _tag, _pattern, _first in (
    ("bool", r"^(?:true|false)$", ["t", "f"]),
    ("int", r"^-?(?:0|[1-9][0-9]*)$", list("-0123456789")),
    ("float", r"^-?(?:0|[1-9][0-9]*)\.[0-9]+$", list("-0123456789")),
    ("null", r"^(?:~|null|)$", ["~", "n", ""]),
):
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(_pattern), _first)


def load_tenant(path: Path, *, now: datetime | None = None) -> TenantConfig:
    """Read and check a tenant's document; its hours from `now` on (UTC; None: the clock's).

    Raises:
        ConfigurationError: the file is missing, is no YAML, lists a key twice, breaks the schema, or would leave
            callers without anybody (`tenant_checks`); the problem begins with FILE:LINE.
    """
    root, document = _parse(path)
    # Before the schema's own check, because parts that also travel on the log are tolerant there.
    for loc in _unknown_keys(document, TenantConfig, ()):
        where = f"{path}:{_line(_find(root, loc))}"
        raise ConfigurationError(f"{where}: unknown key {'.'.join(map(str, loc))}", remedy=_nearest(loc))
    try:
        config = TenantConfig.model_validate(document)
    except ValidationError as error:
        _explain(path, root, error.errors(include_url=False))
    found = list(findings(config, now or SystemClock().now()))
    if found:
        _tell(path, root, found[0], more=len(found) - 1)
    return config


def _parse(path: Path) -> tuple[yaml.Node, Any]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            f"{path} cannot be read ({error.strerror})", remedy="Give the path of a YAML file."
        ) from None
    if len(content) > _DOCUMENT_BYTES_MAX:
        raise ConfigurationError(f"{path} is larger than {_DOCUMENT_BYTES_MAX} bytes", remedy="Split the tenant.")
    try:
        loader = _Loader(content)
        root = loader.get_single_node()
        if not isinstance(root, yaml.MappingNode):
            raise ConfigurationError(f"{path}:1: this is no mapping of keys", remedy="Begin with `tenant: NAME`.")
        for key in _doubled_keys(root):
            raise ConfigurationError(f"{path}:{_line(key)}: key {key.value!r} is given twice", remedy=_CHECK_AGAIN)
        return root, loader.construct_document(root)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigurationError(f"{path}:{line}: this is no YAML: {error.problem}", remedy=_CHECK_AGAIN) from None
    except (yaml.YAMLError, ValueError, RecursionError):
        raise ConfigurationError(f"{path}:1: this is no YAML in UTF-8", remedy=_CHECK_AGAIN) from None


def _doubled_keys(node: yaml.Node) -> Iterator[yaml.ScalarNode]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    yield key
                seen.add(key.value)
            yield from _doubled_keys(value)
    elif isinstance(node, yaml.SequenceNode):
        for child in node.value:
            yield from _doubled_keys(child)


def _unknown_keys(value: Any, annotation: Any, loc: Loc) -> Iterator[Loc]:
    arguments = typing.get_args(annotation)
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and isinstance(value, dict):
        for key, part in value.items():
            if key not in annotation.model_fields:
                yield (*loc, str(key))
            else:
                yield from _unknown_keys(part, annotation.model_fields[key].annotation, (*loc, key))
    elif typing.get_origin(annotation) is dict and isinstance(value, dict):
        for key, part in value.items():
            yield from _unknown_keys(part, arguments[1], (*loc, str(key)))
    elif typing.get_origin(annotation) is tuple and isinstance(value, list):
        for index, part in enumerate(value):
            yield from _unknown_keys(part, arguments[0], (*loc, index))
    elif typing.get_origin(annotation) in {Annotated, Union, UnionType}:
        for argument in arguments:
            yield from _unknown_keys(value, argument, loc)


def _explain(path: Path, root: yaml.Node, details: list[ErrorDetails]) -> NoReturn:
    detail = details[0]
    cause = detail.get("ctx", {}).get("error")
    if isinstance(cause, Inconsistent):
        finding = Finding((*detail["loc"], *cause.at), cause.problem, cause.remedy)
        _tell(path, root, finding, more=len(details) - 1)
    where = f"{path}:{_line(_find(root, detail['loc']))}"
    name = ".".join(map(str, detail["loc"]))
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    if detail["type"] == "missing":
        raise ConfigurationError(f"{where}: {name} is missing{more}", remedy=f"Add {detail['loc'][-1]}.")
    said = detail["msg"].removeprefix("Value error, ")
    said = said[0].lower() + said[1:]
    problem = f"{name}: {said}" if name else said
    raise ConfigurationError(f"{where}: {problem}{more}", remedy=_CHECK_AGAIN)


def _tell(path: Path, root: yaml.Node, finding: Finding, *, more: int) -> NoReturn:
    name = ".".join(map(str, finding.at))
    others = f" (and {more} more)" if more else ""
    named = finding.problem.startswith(name)  # also if there is none
    problem = finding.problem if named else f"{name}: {finding.problem}"
    where = f"{path}:{_line(_find(root, finding.at))}"
    raise ConfigurationError(f"{where}: {problem}{others}", remedy=finding.remedy)


def _find(root: yaml.Node, loc: Loc) -> yaml.Node:
    """Return the node at `loc`, or the nearest one above it that exists."""
    node = found = root
    for step in loc:
        if isinstance(node, yaml.MappingNode):
            pair = next(((key, value) for key, value in node.value if key.value == str(step)), None)
            if pair is None:
                break
            found, node = pair
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            found = node = node.value[step]
        else:
            break
    return found


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _nearest(loc: Loc) -> str:
    model: type[BaseModel] | None = TenantConfig
    for step in loc[:-1]:
        if model is not None and isinstance(step, str) and step in model.model_fields:
            model = _model_in(model.model_fields[step].annotation)
    known = sorted(model.model_fields) if model else []
    near = difflib.get_close_matches(str(loc[-1]), known, n=1, cutoff=0.6)
    if near:
        return f"Did you mean {near[0]}?"
    return f"Known here: {', '.join(known)}." if known else _CHECK_AGAIN


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    arguments = typing.get_args(annotation)
    if typing.get_origin(annotation) is Annotated:
        arguments = arguments[:1]
    return next((model for argument in arguments if (model := _model_in(argument)) is not None), None)
