"""Who may talk to whom, as networking.k8s.io/v1 says it of the policies that are there.

A connection is allowed when its source's policies let it out and its target's let it in. A pod that no policy of a
direction selects is open in that direction; one that is selected has what its rules name, and nothing else.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from ipaddress import ip_address, ip_network
from typing import Any

Labels = Mapping[str, str]
Rule = Mapping[str, Any]
TEMPLATES = {
    "Pod": ("spec",),
    "Deployment": ("spec", "template", "spec"),
    "StatefulSet": ("spec", "template", "spec"),
    "DaemonSet": ("spec", "template", "spec"),
    "Job": ("spec", "template", "spec"),
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}


@dataclass(frozen=True)
class Host:
    """One end of a connection: a pod with its labels, or with none, somebody outside of the cluster."""

    name: str
    address: str
    namespace: str = ""
    labels: Labels = field(default_factory=dict)
    ports: Mapping[str, int] = field(default_factory=dict)
    """The container's, by name."""


@dataclass(frozen=True)
class Network:
    policies: Sequence[Mapping[str, Any]]

    def allows(self, source: Host, target: Host, port: int, protocol: str = "TCP") -> bool:
        goes_out = self._allows("Egress", source, target, target, port, protocol)
        return goes_out and self._allows("Ingress", target, source, target, port, protocol)

    def _allows(self, direction: str, who: Host, peer: Host, target: Host, port: int, protocol: str) -> bool:
        policies = [policy for policy in self.policies if _applies(policy, direction, who)]
        if not policies:
            return True
        return any(
            _names_peer(rule.get("to" if direction == "Egress" else "from"), policy["metadata"]["namespace"], peer)
            and _names_port(rule.get("ports"), target, port, protocol)
            for policy in policies
            for rule in policy["spec"].get(direction.lower()) or []
        )


@dataclass(frozen=True)
class Rendered:
    """What a chart made, as hosts and policies; hosts have addresses of a cluster's network."""

    objects: Sequence[Mapping[str, Any]]

    @cached_property
    def network(self) -> Network:
        return Network([one for one in self.objects if one["kind"] == "NetworkPolicy"])

    @cached_property
    def hosts(self) -> dict[str, Host]:
        """By the name of what makes the pod."""
        found = (one for one in self.objects if one["kind"] in TEMPLATES)
        return {
            one["metadata"]["name"]: _host(one, f"10.244.{number // 250}.{number % 250 + 1}")
            for number, one in enumerate(found)
        }


def _host(workload: Mapping[str, Any], address: str) -> Host:
    *way, last = TEMPLATES[workload["kind"]]
    template: Mapping[str, Any] = workload
    for step in way:
        template = template[step]
    labels = (workload if workload["kind"] == "Pod" else template)["metadata"]["labels"]
    ports = [port for container in template[last]["containers"] for port in container.get("ports", [])]
    return Host(
        workload["metadata"]["name"],
        address,
        workload["metadata"]["namespace"],
        labels,
        {port["name"]: port["containerPort"] for port in ports},
    )


def _applies(policy: Mapping[str, Any], direction: str, host: Host) -> bool:
    spec = policy["spec"]
    types = spec.get("policyTypes") or ["Ingress", *(["Egress"] if "egress" in spec else [])]
    same = policy["metadata"]["namespace"] == host.namespace
    return direction in types and same and _selects(spec.get("podSelector") or {}, host.labels)


def _names_peer(peers: Iterable[Rule] | None, namespace: str, host: Host) -> bool:
    """No peers at all are everybody."""
    if not peers:
        return True
    return any(_is_peer(peer, namespace, host) for peer in peers)


def _is_peer(peer: Rule, namespace: str, host: Host) -> bool:
    if "ipBlock" in peer:
        address, block = ip_address(host.address), peer["ipBlock"]
        return _within(address, [block["cidr"]]) and not _within(address, block.get("except", []))
    if not host.namespace:
        return False
    if "namespaceSelector" in peer:
        where = _selects(peer["namespaceSelector"], {"kubernetes.io/metadata.name": host.namespace})
    else:
        where = host.namespace == namespace
    return where and _selects(peer.get("podSelector") or {}, host.labels)


def _within(address: Any, blocks: Iterable[str]) -> bool:
    networks = [ip_network(block) for block in blocks]
    return any(address in network for network in networks if network.version == address.version)


def _names_port(ports: Iterable[Rule] | None, target: Host, port: int, protocol: str) -> bool:
    """No ports at all are all of them."""
    if not ports:
        return True
    for rule in ports:
        named = rule.get("port")
        first = target.ports.get(named, -1) if isinstance(named, str) else named
        is_port = first is None or first <= port <= rule.get("endPort", first)
        if rule.get("protocol", "TCP") == protocol and is_port:
            return True
    return False


def _selects(selector: Rule, labels: Labels) -> bool:
    """An empty selector is everybody."""
    expressions = selector.get("matchExpressions", [])
    if expressions:
        raise NotImplementedError("matchExpressions")
    return all(labels.get(name) == value for name, value in selector.get("matchLabels", {}).items())
