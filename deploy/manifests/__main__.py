"""Render every overlay and check every document against Kubernetes' schemas, strictly: `python -m deploy.manifests`.

A kind without a schema is a failure too: what is not checked is not known to be right. Where kubectl is installed, what
it renders has to be the same.
"""
# ruff: noqa: T201
# A check prints what it found.

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import kubernetes_validate  # type: ignore[import-untyped]  # it ships no types
import yaml

from deploy.manifests.render import Document, render

OVERLAYS: Final = Path(__file__).parents[2] / "k8s" / "overlays"
VERSIONS: Final = ("1.34", "1.37")  # the oldest that the manifests are for, and the newest that can be checked


def main() -> int:
    """Print what was checked and what is wrong; return 0, or 1 when something is."""
    kubectl = shutil.which("kubectl")
    wrong = 0
    for folder in sorted(path.parent for path in OVERLAYS.glob("*/kustomization.yaml")):
        documents = render(folder)
        problems = [*check(documents), *(compare(documents, folder, kubectl) if kubectl else ())]
        compared = "as kubectl renders it" if kubectl else "kubectl is not here to compare with"
        print(f"{folder.name}: {len(documents)} documents, {len(problems)} problems; {compared}")
        print("".join(f"  {problem}\n" for problem in problems), end="")
        wrong += len(problems)
    return 1 if wrong else 0


def check(documents: list[Document]) -> Iterator[str]:
    """Yield what is wrong with documents."""
    for document in documents:
        for version in VERSIONS:
            try:
                kubernetes_validate.validate(document, version, strict=True)
            except (kubernetes_validate.ValidationError, kubernetes_validate.SchemaNotFoundError) as error:
                yield f"{_name(document)} ({version}): {getattr(error, 'message', None) or error}"


def compare(documents: list[Document], folder: Path, kubectl: str) -> Iterator[str]:
    """Yield which documents kubectl renders otherwise."""
    command = [kubectl, "kustomize", str(folder)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout  # noqa: S603
    theirs = {_name(document): document for document in yaml.safe_load_all(output)}
    ours = {_name(document): document for document in documents}
    for name in sorted(theirs.keys() | ours.keys()):
        if _sorted(theirs.get(name)) != _sorted(ours.get(name)):
            yield f"{name} differs from what kubectl renders"


def _name(document: Document) -> str:
    return f"{document['kind']}/{document['metadata']['name']}"


def _sorted(value: Any) -> Any:
    """Return the value with lists of named things in one order: a patch may put its entries first or last."""
    if isinstance(value, dict):
        return {name: _sorted(inner) for name, inner in value.items()}
    if isinstance(value, list):
        inner = [_sorted(entry) for entry in value]
        return sorted(inner, key=_text) if all(isinstance(entry, dict) for entry in inner) else inner
    return value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)


if __name__ == "__main__":
    sys.exit(main())
