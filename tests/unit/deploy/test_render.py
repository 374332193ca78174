"""The small kustomize: each feature, and a refusal of what it does not know."""

from pathlib import Path

import pytest

from deploy.manifests.render import RenderError, merged, render

BASE = {
    "kustomization.yaml": "resources: [things.yaml]",
    "things.yaml": """\
kind: Namespace
metadata: {name: here}
---
kind: Deployment
metadata: {name: one}
spec:
  replicas: 2
  template: {spec: {containers: [{name: main, image: app, env: [{name: A, value: a}]}]}}
---
kind: StatefulSet
metadata: {name: two}
spec: {template: {spec: {containers: [{name: main, image: other}]}}}
""",
}


def written(folder: Path, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (folder / name).write_text(text)
    return folder


@pytest.fixture
def overlay(tmp_path):
    written(tmp_path / "base", BASE)

    def make(kustomization: str, **files: str):
        files = {f"{name}.yaml": text for name, text in files.items()}
        head = "resources: [../base]\n"
        folder = written(tmp_path / "overlay", {"kustomization.yaml": head + kustomization, **files})
        return {document["metadata"]["name"]: document for document in render(folder)}

    return make


def container(document):
    return document["spec"]["template"]["spec"]["containers"][0]


def test_resources_of_a_folder_below(overlay):
    assert list(overlay("")) == ["here", "one", "two"]


def test_namespace_replicas_and_images(overlay):
    documents = overlay(
        "namespace: there\nreplicas: [{name: one, count: 5}]\nimages: [{name: app, newName: r/app, newTag: '1'}]"
    )
    assert list(documents) == ["there", "one", "two"]
    assert documents["one"]["metadata"]["namespace"] == "there"
    assert "namespace" not in documents["there"]["metadata"]
    assert documents["one"]["spec"]["replicas"] == 5
    assert [container(documents[name])["image"] for name in ("one", "two")] == ["r/app:1", "other"]


def test_a_patch_by_name_changes_entries_and_keeps_the_others(overlay):
    patch = """\
kind: Deployment
metadata: {name: one}
spec:
  replicas: null
  template: {spec: {containers: [{name: main, env: [{name: A, value: b}, {name: B, value: c}]}]}}
"""
    documents = overlay("patches: [{path: patch.yaml}]", patch=patch)
    assert "replicas" not in documents["one"]["spec"]
    assert container(documents["one"]) == {
        "name": "main",
        "image": "app",
        "env": [{"name": "A", "value": "b"}, {"name": "B", "value": "c"}],
    }


def test_a_patch_by_target_changes_all_that_fit(overlay):
    patch = "kind: Any\nmetadata: {name: any}\nspec: {template: {spec: {enableServiceLinks: false}}}\n"
    documents = overlay("patches: [{path: patch.yaml, target: {kind: Deployment|StatefulSet}}]", patch=patch)
    assert ["spec" in documents[name] and documents[name]["spec"]["template"]["spec"]["enableServiceLinks"] is False
            for name in ("one", "two")] == [True, True]  # fmt: skip
    assert documents["one"]["kind"] == "Deployment"


def test_a_list_without_names_is_replaced():
    assert merged({"args": ["a", "b"]}, {"args": ["c"]}) == {"args": ["c"]}


def test_what_it_does_not_know_is_refused(overlay):
    with pytest.raises(RenderError, match="helmCharts is not known here"):
        overlay("helmCharts: []")


def test_a_patch_that_fits_nothing_is_refused(overlay):
    with pytest.raises(RenderError, match=r"patch\.yaml fits nothing"):
        overlay("patches: [{path: patch.yaml}]", patch="kind: Service\nmetadata: {name: one}\n")
