"""Applies a kustomization: exactly the features that `k8s/` uses, so that it can be checked where there is no kubectl.

Resources, patches (strategic merge, by name or by target), replicas, images and namespace. Anything else is refused.
"""

import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final

import yaml

Document = dict[str, Any]
FEATURES: Final = frozenset(
    {"apiVersion", "kind", "namespace", "resources", "images", "replicas", "patches"},
)
CLUSTER_SCOPED: Final = frozenset({"Namespace"})
# What tells the entries of a list apart when a patch changes some of them; other lists are replaced as a whole.
MERGE_KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "containers": ("name",),
    "env": ("name",),
    "volumes": ("name",),
    "volumeMounts": ("mountPath",),
    "ports": ("containerPort",),
    "topologySpreadConstraints": ("topologyKey", "whenUnsatisfiable"),
}


class RenderError(Exception):
    """A kustomization that cannot be rendered; says which and why."""


def render(folder: Path) -> list[Document]:
    """Return the documents of the kustomization in `folder`.

    Raises:
        RenderError: it uses a feature that is not known here, or a patch fits nothing.
    """
    kustomization = yaml.safe_load((folder / "kustomization.yaml").read_text())
    unknown = kustomization.keys() - FEATURES
    if unknown:
        raise RenderError(f"{folder}: {', '.join(sorted(unknown))} is not known here")
    documents = [document for name in kustomization["resources"] for document in _resource(folder / name)]
    for patch in kustomization.get("patches", ()):
        documents = _patched(documents, yaml.safe_load((folder / patch["path"]).read_text()), patch)
    for replicas in kustomization.get("replicas", ()):
        for document in _named(documents, replicas["name"]):
            document["spec"]["replicas"] = replicas["count"]
    for image in kustomization.get("images", ()):
        _set_image(documents, image)
    if "namespace" in kustomization:
        _set_namespace(documents, kustomization["namespace"])
    return documents


def workloads(documents: Iterable[Document]) -> list[Document]:
    """Return what runs containers."""
    return [document for document in documents if document["kind"] in {"Deployment", "StatefulSet"}]


def merged(base: Any, patch: Any, key: str = "") -> Any:
    """Return `base` changed by a strategic merge patch; a null removes."""
    if isinstance(base, dict) and isinstance(patch, dict):
        result = dict(base)
        for name, value in patch.items():
            if value is None:
                result.pop(name, None)
            else:
                result[name] = merged(base[name], value, name) if name in base else value
        return result
    if isinstance(base, list) and isinstance(patch, list) and key in MERGE_KEYS:
        return _merged_lists(base, patch, MERGE_KEYS[key])
    return patch


def _merged_lists(base: list[Document], patch: list[Document], keys: tuple[str, ...]) -> list[Document]:
    entries = {tuple(entry[key] for key in keys): entry for entry in base}
    for change in patch:
        name = tuple(change[key] for key in keys)
        entries[name] = merged(entries[name], change) if name in entries else change
    return list(entries.values())


def _resource(path: Path) -> list[Document]:
    return render(path) if path.is_dir() else list(yaml.safe_load_all(path.read_text()))


def _patched(documents: list[Document], change: Document, patch: Mapping[str, Any]) -> list[Document]:
    target = patch.get("target", {"kind": change["kind"], "name": change["metadata"]["name"]})
    fits = [_fits(document, target) for document in documents]
    if not any(fits):
        raise RenderError(f"{patch['path']} fits nothing")
    change = {name: value for name, value in change.items() if name not in {"apiVersion", "kind", "metadata"}}
    return [merged(document, change) if fit else document for document, fit in zip(documents, fits, strict=True)]


def _fits(document: Document, target: Mapping[str, str]) -> bool:
    found = {"kind": document["kind"], "name": document["metadata"]["name"]}
    return all(re.fullmatch(pattern, found[name]) for name, pattern in target.items())


def _named(documents: Iterable[Document], name: str) -> list[Document]:
    return [document for document in workloads(documents) if document["metadata"]["name"] == name]


def _set_image(documents: Iterable[Document], image: Mapping[str, str]) -> None:
    for document in workloads(documents):
        for container in document["spec"]["template"]["spec"]["containers"]:
            if container["image"].partition(":")[0] == image["name"]:
                container["image"] = f"{image['newName']}:{image['newTag']}"


def _set_namespace(documents: Iterable[Document], namespace: str) -> None:
    for document in documents:
        if document["kind"] in CLUSTER_SCOPED:
            document["metadata"]["name"] = namespace
        else:
            document["metadata"]["namespace"] = namespace
