"""What every manifest has to keep, in every overlay."""

from pathlib import Path

import pytest

from deploy.manifests.render import render, workloads
from services.cli import PROCESSES
from services.runtime.limits import Limits
from services.runtime.settings import PREFIX, load_settings
from services.serving import END_S

ROOT = Path(__file__).resolve().parents[3]
OVERLAYS = sorted(path.parent for path in (ROOT / "k8s" / "overlays").glob("*/kustomization.yaml"))
CARRIER_S = 15  # how long a carrier waits for an answer
GIVEN = {  # what comes from Secrets and from the pod itself
    "FRONTDOOR_DATABASE_URL": "postgresql+asyncpg://user@host/name",
    "FRONTDOOR_ROUTING_ORDINAL": "0",
}


@pytest.fixture(params=OVERLAYS, ids=lambda folder: folder.name)
def documents(request):
    return render(request.param)


@pytest.fixture
def pods(documents):
    """Every workload's pod template, by name."""
    return {document["metadata"]["name"]: document["spec"]["template"] for document in workloads(documents)}


def of_kind(documents, kind):
    return {document["metadata"]["name"]: document for document in documents if document["kind"] == kind}


def container(pod):
    (only,) = pod["spec"]["containers"]
    return only


def settings_of(pod, documents):
    """Return the environment of a pod, with what is not in the manifests filled in."""
    (configuration,) = of_kind(documents, "ConfigMap").values()
    named = {entry["name"]: entry.get("value", GIVEN.get(entry["name"])) for entry in container(pod).get("env", ())}
    return configuration["data"] | named


def secrets_of(pod):
    found = {source["secretRef"]["name"] for source in container(pod)["envFrom"] if "secretRef" in source}
    for entry in container(pod).get("env", ()):
        if "secretKeyRef" in entry.get("valueFrom", {}):
            found.add(entry["valueFrom"]["secretKeyRef"]["name"])
    return found


def test_there_are_two_overlays():
    assert [folder.name for folder in OVERLAYS] == ["production", "small"]


def test_one_workload_runs_each_process(pods):
    assert {name: container(pod)["args"] for name, pod in pods.items()} == {name: ["serve", name] for name in PROCESSES}


def test_images_have_a_version(pods):
    for pod in pods.values():
        name, _, tag = container(pod)["image"].rpartition(":")
        assert "/" in name
        assert tag != "latest"


def test_settings_are_known_and_good(pods, documents, monkeypatch):
    for pod in pods.values():
        environ = settings_of(pod, documents)
        assert all(name.startswith(PREFIX) for name in environ)
        with monkeypatch.context() as patched:
            for name, value in environ.items():
                patched.setenv(name, value)
            settings = load_settings()
        assert (settings.bus, settings.host, settings.port, settings.demo) == ("kafka", "0.0.0.0", 8080, False)


def test_secrets_go_only_to_those_who_need_them(pods):
    assert {name: secrets_of(pod) for name, pod in pods.items()} == {
        "webhooks": {"frontdoor-carriers"},
        "call-control": {"frontdoor-carriers"},
        "records": {"frontdoor-database"},
        "console": {"frontdoor-database"},
        "desktop": set(),
        "routing": set(),
    }


def test_probes_ask_for_life_and_for_readiness(pods):
    for pod in pods.values():
        (port,) = container(pod)["ports"]
        asked = {name: container(pod)[f"{name}Probe"]["httpGet"] for name in ("startup", "liveness", "readiness")}
        assert {name: get["path"] for name, get in asked.items()} == {
            "startup": "/healthz",
            "liveness": "/healthz",
            "readiness": "/readyz",
        }
        assert {get["port"] for get in asked.values()} == {port["name"]}
        startup = container(pod)["startupProbe"]
        assert startup["periodSeconds"] * startup["failureThreshold"] >= 60


def test_there_is_time_to_drain(pods):
    for pod in pods.values():
        readiness = container(pod)["readinessProbe"]
        notice_s = container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]
        assert notice_s >= readiness["periodSeconds"] * readiness["failureThreshold"]
        assert pod["spec"]["terminationGracePeriodSeconds"] >= notice_s + END_S + 5


def test_resources_are_asked_for_and_bounded(pods):
    for pod in pods.values():
        resources = container(pod)["resources"]
        assert set(resources["requests"]) == {"cpu", "memory"}
        assert set(resources["limits"]) == {"memory"}  # a limit of CPU would halt calls in the middle


def test_pods_are_restricted(pods, documents):
    for pod in pods.values():
        spec = pod["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 10000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert container(pod)["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert spec["automountServiceAccountToken"] is False
        assert spec["enableServiceLinks"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & spec.keys()
        assert all(volume.keys() - {"name"} <= {"emptyDir", "secret"} for volume in spec["volumes"])
    (account,) = of_kind(documents, "ServiceAccount").values()
    assert account["automountServiceAccountToken"] is False
    (namespace,) = of_kind(documents, "Namespace").values()
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"


def test_only_the_data_directory_can_be_written_and_keys_cannot(pods, documents):
    for pod in pods.values():
        data = settings_of(pod, documents)["FRONTDOOR_DATA_DIR"]
        volumes = {volume["name"]: volume for volume in pod["spec"]["volumes"]}
        mounts = {mount["mountPath"]: mount for mount in container(pod)["volumeMounts"]}
        assert mounts.keys() - {f"{data}/spool"} == {data, f"{data}/keys", "/tmp"}
        assert mounts[f"{data}/keys"]["readOnly"] is True
        keys = volumes[mounts[f"{data}/keys"]["name"]]["secret"]
        assert (keys["secretName"], keys["defaultMode"]) == ("frontdoor-keys", 0o440)
        assert all("sizeLimit" in volumes[mounts[path]["name"]]["emptyDir"] for path in (data, "/tmp"))


def test_what_was_acknowledged_outlives_the_pod(documents):
    webhooks = of_kind(documents, "StatefulSet")["webhooks"]["spec"]
    (claim,) = webhooks["volumeClaimTemplates"]
    (mount,) = [
        one for one in container(webhooks["template"])["volumeMounts"] if one["name"] == claim["metadata"]["name"]
    ]
    assert mount["mountPath"] == settings_of(webhooks["template"], documents)["FRONTDOOR_DATA_DIR"] + "/spool"
    assert claim["spec"]["accessModes"] == ["ReadWriteOnce"]
    assert webhooks.get("persistentVolumeClaimRetentionPolicy", {}).get("whenScaled", "Retain") == "Retain"
    assert webhooks["podManagementPolicy"] == "Parallel"  # one that cannot start keeps no other from it
    scalers = of_kind(documents, "HorizontalPodAutoscaler")
    if "webhooks" in scalers:
        assert scalers["webhooks"]["spec"]["behavior"]["scaleDown"]["selectPolicy"] == "Disabled"
    else:
        assert webhooks["replicas"] >= 2  # its rollout ends a pod before it starts the next


def test_every_workload_has_a_service_a_budget_and_is_spread(pods, documents):
    services, budgets = of_kind(documents, "Service"), of_kind(documents, "PodDisruptionBudget")
    assert services.keys() == budgets.keys() == pods.keys()
    for name, pod in pods.items():
        labels = pod["metadata"]["labels"].items()
        assert services[name]["spec"]["selector"].items() <= labels
        assert budgets[name]["spec"]["selector"]["matchLabels"].items() <= labels
        assert budgets[name]["spec"]["maxUnavailable"] == 1
        assert services[name]["spec"]["ports"][0]["targetPort"] == container(pod)["ports"][0]["name"]
        for spread in pod["spec"]["topologySpreadConstraints"]:
            assert spread["labelSelector"]["matchLabels"].items() <= labels
            assert spread["matchLabelKeys"] == ["app.kubernetes.io/name"]


def test_a_rollout_takes_nothing_away(documents):
    for deployment in of_kind(documents, "Deployment").values():
        assert deployment["spec"]["strategy"]["rollingUpdate"] == {"maxUnavailable": 0, "maxSurge": 1}


def test_routers_know_their_ordinal_and_how_many_they_are(documents):
    routing = of_kind(documents, "StatefulSet")["routing"]
    env = {entry["name"]: entry for entry in container(routing["spec"]["template"])["env"]}
    ordinal = env["FRONTDOOR_ROUTING_ORDINAL"]["valueFrom"]["fieldRef"]["fieldPath"]
    assert ordinal == "metadata.labels['apps.kubernetes.io/pod-index']"
    assert env["FRONTDOOR_ROUTING_COUNT"]["value"] == str(routing["spec"]["replicas"])
    assert routing["spec"]["podManagementPolicy"] == "Parallel"


def test_the_public_host_is_one(documents):
    (configuration,) = of_kind(documents, "ConfigMap").values()
    for ingress in of_kind(documents, "Ingress").values():
        (rule,) = ingress["spec"]["rules"]
        assert configuration["data"]["FRONTDOOR_PUBLIC_URL"] == f"https://{rule['host']}"
        assert ingress["spec"]["tls"][0]["hosts"] == [rule["host"]]


def test_a_frozen_webhooks_pod_holds_no_carrier(documents):
    ingresses = of_kind(documents, "Ingress")
    leading = {
        name: {entry["backend"]["service"]["name"] for entry in ingress["spec"]["rules"][0]["http"]["paths"]}
        for name, ingress in ingresses.items()
    }
    assert leading == {"webhooks": {"webhooks"}, "frontdoor": {"desktop", "console"}}
    told = {key.rpartition("/")[2]: value for key, value in ingresses["webhooks"]["metadata"]["annotations"].items()}
    assert {"error", "timeout", "non_idempotent"} <= set(told["proxy-next-upstream"].split())
    connect_s, read_s = int(told["proxy-connect-timeout"]), int(told["proxy-read-timeout"])
    assert Limits().webhook_answer_s + 0.5 <= read_s <= 3
    assert int(told["proxy-next-upstream-tries"]) >= 2
    assert connect_s + read_s < int(told["proxy-next-upstream-timeout"]) <= CARRIER_S - connect_s - read_s
    others = ingresses["frontdoor"]["metadata"]["annotations"]
    assert not any("non_idempotent" in value for value in others.values())  # only a webhook is harmless twice


def test_nobody_talks_to_anybody_unless_it_is_said(pods, documents):
    policies = {name: policy["spec"] for name, policy in of_kind(documents, "NetworkPolicy").items()}
    assert policies["deny-all"] == {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}
    allowed = {
        name: {process for process, pod in pods.items() if _selects(policy["podSelector"], pod)}
        for name, policy in policies.items()
    }
    everyone = set(PROCESSES)
    assert allowed == {
        "deny-all": everyone,
        "names": everyone,
        "bus": everyone,
        "monitoring": everyone,
        "database": {"records", "console"},
        "carriers": {"call-control"},
        "front": {"webhooks", "desktop", "console"},
    }


def test_what_is_scaled_never_goes_to_nothing(documents):
    scaled = {document["metadata"]["name"]: document for document in workloads(documents)}
    for name, scaler in of_kind(documents, "HorizontalPodAutoscaler").items():
        assert scaler["spec"]["scaleTargetRef"] == {
            "apiVersion": "apps/v1",
            "kind": scaled[name]["kind"],
            "name": name,
        }
        assert scaler["spec"]["minReplicas"] >= 2
        assert scaler["spec"]["behavior"]["scaleDown"]["stabilizationWindowSeconds"] >= 300
        assert "replicas" not in scaled[name]["spec"]
    for name, document in scaled.items():
        assert document["spec"].get("replicas", 1) >= 1, name


def _selects(selector, pod):
    labels = pod["metadata"]["labels"]
    named = all(labels.get(key) == value for key, value in selector.get("matchLabels", {}).items())
    among = (labels.get(rule["key"]) in rule["values"] for rule in selector.get("matchExpressions", ()))
    return named and all(among)
