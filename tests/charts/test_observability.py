"""What operators see, on a laptop: each part is told of the others as they are called, and is let in."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from charts.network import Host, Network
from charts.rendering import CHARTS, rendered

pytestmark = pytest.mark.skipif(shutil.which("helm") is None, reason="needs helm: `make charts`")

WORKLOADS = {"DaemonSet", "Deployment"}


@pytest.fixture(scope="module")
def objects(packed: Path) -> list[Any]:
    return rendered(packed, "observability", "dev-observability", values="dev.yaml")


def of_kind(objects: list[Any], *kinds: str) -> dict[str, Any]:
    return {one["metadata"]["name"]: one for one in objects if one["kind"] in kinds}


def pod(objects: list[Any], name: str) -> Any:
    return of_kind(objects, *WORKLOADS)[name]["spec"]["template"]


@pytest.mark.parametrize("name", ["otel-agent", "otel-gateway"])
def test_a_collector_is_told_all_that_its_configuration_asks_for(objects: list[Any], name: str) -> None:
    (container,) = pod(objects, name)["spec"]["containers"]
    (configuration,) = of_kind(objects, "ConfigMap")[name]["data"].values()
    given = {one["name"] for one in container["env"]}

    assert set(re.findall(r"(?:\$\{env:|env_var: )(\w+)", configuration)) == given
    asked_for = {int(port) for port in re.findall(r"(?:POD_IP\}:|port: )(\d+)", configuration)}
    assert {port["containerPort"] for port in container["ports"]} == asked_for
    assert container["name"] == "collector", "whose lines the agent leaves out"


def test_a_collector_is_the_release_that_is_tested(objects: list[Any]) -> None:
    manifest = yaml.safe_load((CHARTS.parents[1] / "tools" / "collector" / "builder.yaml").read_text())
    for name in ("otel-agent", "otel-gateway"):
        (container,) = pod(objects, name)["spec"]["containers"]
        assert container["image"].endswith(f"-contrib:{manifest['dist']['version']}")


def test_grafana_s_data_sources_are_services_of_the_chart(objects: list[Any]) -> None:
    services = of_kind(objects, "Service")
    sources = yaml.safe_load(of_kind(objects, "ConfigMap")["grafana-datasources"]["data"]["tandem.yaml"])
    for source in sources["datasources"]:
        name, port = source["url"].removeprefix("http://").split(":")
        assert int(port) in {one["port"] for one in services[name]["spec"]["ports"]}


def test_prometheus_understands_its_configuration(objects: list[Any], tmp_path: Path) -> None:
    """But for the question which pods there are: Debian's promtool is built without Kubernetes."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not there: it is part of Debian's package prometheus (apt-get install prometheus)")
    maps = of_kind(objects, "ConfigMap")
    configuration = yaml.safe_load(maps["prometheus"]["data"]["prometheus.yaml"])
    for name, rules in maps["prometheus-rules"]["data"].items():
        (tmp_path / name).write_text(rules)
    configuration["rule_files"] = [str(tmp_path / "*.yaml")]
    for job in configuration["scrape_configs"]:
        assert job.pop("kubernetes_sd_configs") == [{"role": "pod", "namespaces": {"own_namespace": True}}]
    file = tmp_path / "prometheus.yml"
    file.write_text(yaml.safe_dump(configuration))

    told = subprocess.run([promtool, "check", "config", str(file)], capture_output=True, text=True, check=False)

    assert told.returncode == 0, told.stderr
    assert f"{len(maps['prometheus-rules']['data'])} rule files found" in told.stdout


def test_prometheus_names_a_job_as_the_dashboards_expect(objects: list[Any]) -> None:
    configuration = yaml.safe_load(of_kind(objects, "ConfigMap")["prometheus"]["data"]["prometheus.yaml"])
    (tandem,) = (job for job in configuration["scrape_configs"] if job["job_name"] == "tandem")
    (workload,) = (rule for rule in tandem["relabel_configs"] if rule.get("target_label") == "job")

    assert re.fullmatch(workload["regex"], "tandem-worker-relay-5c9f7d8b6")[1] == "tandem-worker-relay"  # type: ignore[index]


def host(name: str, number: int, template: Any) -> Host:
    (container,) = template["spec"]["containers"]
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    return Host(name, f"10.244.1.{number}", "tandem", template["metadata"]["labels"], ports)


def test_each_reaches_whom_it_needs_and_nobody_else(objects: list[Any]) -> None:
    network = Network([one for one in objects if one["kind"] == "NetworkPolicy"])
    templates = {name: one["spec"]["template"] for name, one in of_kind(objects, *WORKLOADS).items()}
    hosts = {name: host(name, number, template) for number, (name, template) in enumerate(templates.items(), start=1)}
    ours = {"app.kubernetes.io/part-of": "tandem", "app.kubernetes.io/name": "api"}
    hosts["api"] = Host("api", "10.244.2.1", "tandem", ours, {"operations": 9000})
    hosts["stranger"] = Host("stranger", "10.244.2.2", "tandem", {}, {})

    reached = {
        (source.name, target.name, port)
        for source in hosts.values()
        for target in hosts.values()
        for port in target.ports.values()
        if source is not target and network.allows(source, target, port)
    }

    assert {flow for flow in reached if flow[1] != "api"} == {
        ("api", "otel-agent", 4318),
        ("otel-agent", "otel-gateway", 4317),
        ("otel-agent", "loki", 3100),
        ("otel-gateway", "tempo", 4318),
        ("prometheus", "otel-agent", 8888),
        ("prometheus", "otel-gateway", 8888),
        ("prometheus", "otel-gateway", 8889),
        ("grafana", "prometheus", 9090),
        ("grafana", "tempo", 3200),
        ("grafana", "loki", 3100),
    }
    assert ("prometheus", "api", 9000) in reached
    assert ("otel-agent", "api", 9000) not in reached
