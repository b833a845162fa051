"""Every flow that the system needs is allowed by its policies, and every other one is denied."""

import shutil
from itertools import product
from pathlib import Path

import pytest

from charts.network import Host, Network, Rendered
from charts.rendering import rendered

needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")

ADMIN, API, POSTGRES, KAFKA, PAYMENT = "tandem-admin", "tandem-api", "postgres", "kafka", "tandem-payment-sandbox"
WORKERS = {role: f"tandem-worker-{role}" for role in ("relay", "orders", "notifications", "webhooks", "purge")}
MIGRATION, TOPICS, DEMO = "tandem-admin-migration-1", "tandem-admin-topics-1", "tandem-admin-demo-1"
SCHEDULES = [f"tandem-admin-{name}" for name in ("publish-scheduled", "clear-sessions", "clear-tokens")]
INTERFACES = {ADMIN: 8000, API: 8001, PAYMENT: 8080, POSTGRES: 5432, KAFKA: 9092}
OPERATIONS = 9000
# Pods of `helm test` that ask both servers, or may.
TESTS = ("tandem-worker-test", "infra-postgres-test", "infra-kafka-test")
# Whoever asks the services by their names; in production only a gateway does.
TO_POSTGRES = {ADMIN, API, MIGRATION, DEMO, *WORKERS.values(), *SCHEDULES}
TO_KAFKA = {API, TOPICS, *(WORKERS[role] for role in ("relay", "orders", "notifications", "webhooks"))}
NEEDED = (
    {(source, POSTGRES) for source in TO_POSTGRES}
    | {(source, KAFKA) for source in TO_KAFKA}
    | {(API, ADMIN), (WORKERS["orders"], PAYMENT)}
    | {(f"{name}-test", name) for name in (ADMIN, API, PAYMENT)}
    | {(test, server) for test in TESTS for server in (POSTGRES, KAFKA)}
)

DNS = Host("dns", "10.96.0.10", "kube-system", {"k8s-app": "kube-dns"})
STRANGER = Host("stranger", "10.244.9.9", "other", {"app.kubernetes.io/name": "stranger"})
GATEWAY = Host("gateway", "10.244.9.8", "gateway", {"app": "envoy"})
PROMETHEUS = Host("prometheus", "10.244.9.7", "observability", {"app": "prometheus"})
INTERNET, METADATA, PRIVATE = (
    Host("internet", "93.184.215.14"),
    Host("metadata", "169.254.169.254"),
    Host("private", "192.168.1.1"),
)


@pytest.fixture(scope="module")
def development(packed: Path) -> Rendered:
    infrastructure = rendered(packed, "infra", "dev-infra")
    return Rendered([*rendered(packed, "tandem", "tandem", values="dev.yaml"), *infrastructure])


@pytest.fixture(scope="module")
def production(packed: Path) -> Rendered:
    return Rendered(rendered(packed, "tandem", "tandem", values="production.yaml"))


@needs_helm
def test_a_laptop_allows_what_is_needed_and_nothing_else(development: Rendered) -> None:
    allowed = {
        (source.name, target)
        for source, (target, port) in product(development.hosts.values(), INTERFACES.items())
        if source.name != target and development.network.allows(source, development.hosts[target], port)
    }
    assert allowed == NEEDED


@needs_helm
def test_only_those_of_its_namespace_ask_for_metrics_on_a_laptop(development: Rendered) -> None:
    neighbour = Host("prometheus", "10.244.9.7", "tandem", {})
    for host in development.hosts.values():
        if "operations" in host.ports:
            assert development.network.allows(neighbour, host, OPERATIONS)
            assert not development.network.allows(STRANGER, host, OPERATIONS)


@needs_helm
@pytest.mark.parametrize("which", ["development", "production"])
def test_everybody_finds_names_and_nobody_speaks_to_strangers(which: str, request: pytest.FixtureRequest) -> None:
    system: Rendered = request.getfixturevalue(which)
    servers = {POSTGRES, KAFKA}
    for name, host in system.hosts.items():
        assert system.network.allows(host, DNS, 53, "UDP") == (name not in servers), name
        assert system.network.allows(host, DNS, 53, "TCP") == (name not in servers), name
        assert not system.network.allows(host, DNS, 80), name
        for other, port in product((STRANGER, METADATA, PRIVATE), (22, 80, 443, 8080)):
            assert not system.network.allows(host, other, port), (name, other.name, port)


@needs_helm
@pytest.mark.parametrize("which", ["development", "production"])
def test_webhooks_alone_reach_the_internet(which: str, request: pytest.FixtureRequest) -> None:
    system: Rendered = request.getfixturevalue(which)
    reach = {name for name, host in system.hosts.items() if system.network.allows(host, INTERNET, 443)}
    assert reach == {WORKERS["webhooks"]}
    assert not system.network.allows(system.hosts[WORKERS["webhooks"]], INTERNET, 80)


@needs_helm
def test_in_production_gateway_and_prometheus_come_in(production: Rendered) -> None:
    for name, port in ((ADMIN, 8000), (API, 8001)):
        assert production.network.allows(GATEWAY, production.hosts[name], port)
        assert not production.network.allows(STRANGER, production.hosts[name], port)
        assert not production.network.allows(PROMETHEUS, production.hosts[name], port)
    watched = [host for host in production.hosts.values() if "operations" in host.ports]
    assert len(watched) == 6
    for host in watched:
        assert production.network.allows(PROMETHEUS, host, OPERATIONS)
        assert not production.network.allows(GATEWAY, host, OPERATIONS)


@needs_helm
def test_in_production_each_calls_whom_it_needs(production: Rendered) -> None:
    outside = {
        "postgres": (Host("postgres", "10.244.8.1", "postgres", {"cnpg.io/cluster": "tandem"}), 5432),
        "kafka": (Host("kafka", "10.244.8.2", "kafka", {"strimzi.io/cluster": "tandem"}), 9093),
        "admin": (Host("gateway", "10.244.8.3", "gateway", {}), 443),
        "smtp": (Host("smtp", "198.51.100.7"), 587),
        "payment": (Host("payment", "203.0.113.7"), 443),
        "bucket": (Host("bucket", "203.0.113.130"), 443),
        "otlp": (Host("collector", "10.244.8.4", "observability", {}), 4318),
    }
    called = {
        name: {who for who, (host, port) in outside.items() if production.network.allows(source, host, port)}
        for name, source in production.hosts.items()
        if not name.endswith("-test")
    }
    # Webhooks go to any public address, the provider's and the bucket's among them.
    assert called == {
        ADMIN: {"postgres", "smtp", "bucket", "otlp"},
        API: {"postgres", "kafka", "admin", "otlp"},
        WORKERS["relay"]: {"postgres", "kafka", "otlp"},
        WORKERS["orders"]: {"postgres", "kafka", "payment", "otlp"},
        WORKERS["notifications"]: {"postgres", "kafka", "smtp", "otlp"},
        WORKERS["webhooks"]: {"postgres", "kafka", "payment", "bucket", "otlp"},
        WORKERS["purge"]: {"postgres", "otlp"},
        # A chart's extraEgress is that of its jobs, too.
        "tandem-admin-migration": {"postgres", "bucket", "otlp"},
        "tandem-admin-topics": {"kafka", "bucket", "otlp"},
        **{name: {"postgres", "bucket", "otlp"} for name in SCHEDULES},
    }


def policy(**spec: object) -> dict[str, object]:
    return {"metadata": {"name": "one", "namespace": "here"}, "spec": {"podSelector": {}, **spec}}


A, B = (
    Host(name, f"10.0.0.{number}", "here", {"name": name}, {"http": 80})
    for number, name in enumerate(("a", "b"), start=1)
)


@pytest.mark.parametrize(
    ("policies", "allowed"),
    [
        ([], True),
        ([policy(policyTypes=["Ingress"])], False),
        ([policy(policyTypes=["Ingress"], ingress=[{}])], True),
        ([policy(policyTypes=["Ingress"], ingress=[{"from": []}])], True),
        (
            [policy(policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"name": "a"}}}]}])],
            True,
        ),
        (
            [policy(policyTypes=["Ingress"], ingress=[{"from": [{"podSelector": {"matchLabels": {"name": "c"}}}]}])],
            False,
        ),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": "http"}]}])], True),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": "other"}]}])], False),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": 70, "endPort": 90}]}])], True),
        ([policy(policyTypes=["Ingress"], ingress=[{"ports": [{"port": 80, "protocol": "UDP"}]}])], False),
        ([policy(policyTypes=["Egress"])], False),
        ([policy(policyTypes=["Egress"]), policy(policyTypes=["Egress"], egress=[{}])], True),
        ([policy(policyTypes=["Egress"], egress=[{"to": [{"ipBlock": {"cidr": "10.0.0.0/24"}}]}])], True),
        (
            [
                policy(
                    policyTypes=["Egress"],
                    egress=[{"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": ["10.0.0.0/8"]}}]}],
                )
            ],
            False,
        ),
        ([policy(policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {}}]}])], True),
        (
            [policy(policyTypes=["Egress"], egress=[{"to": [{"namespaceSelector": {"matchLabels": {"x": "y"}}}]}])],
            False,
        ),
        ([policy(podSelector={"matchLabels": {"name": "c"}}, policyTypes=["Ingress", "Egress"])], True),
    ],
)
def test_policies_are_read_as_kubernetes_reads_them(policies: list[dict[str, object]], allowed: bool) -> None:
    assert Network(policies).allows(A, B, 80) is allowed
