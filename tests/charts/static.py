"""Each chart with each of its example values: helm's own lint, the types of what it makes, Pod Security, kube-score.

Takes the programs (helm, helm4, kubeconform, podsecurity, kube-score, go) from the PATH.
"""

import json
import os
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

from charts import conformity
from charts.conformity import VERSIONS
from charts.rendering import CHARTS, NAMES

HELMS = ("helm", "helm4")
CHECKS = ("helm lint", "helm template", "kubeconform", "Pod Security", "kube-score")
CRITICAL = 1
# Further tests of kube-score.
OPTIONAL = ("container-ports-check", "container-seccomp-profile")
# Its tests that an example need not pass; one that all pass is a mistake here.
IGNORED = {
    # Every image has a tag or a digest; pulling one again that is there costs the start of a pod.
    "container-image-pull-policy": "*",
    # A limit of CPU only slows a pod down when the node has time; memory has one.
    "container-resources": "*",
    # The users that the official images have; an id below 10000 may be one of the node's.
    "container-security-context-user-group-id": "dev-*/*",
    # The operators make the pods.
    "networkpolicy-targets-pod": "operators/*",
    # Its values leave both to somebody else.
    "pod-networkpolicy": "*/bring-your-own",
    "deployment-has-poddisruptionbudget": "*/bring-your-own",
}

# The pods that cannot be restricted.
UNRESTRICTED = {
    # It reads the files of logs on its node: a namespace has to allow that.
    "dev-observability": ("DaemonSet otel-agent",),
}


@dataclass
class Case:
    """One chart with one file of values: what it makes goes to `folder`; what it came through, and what is wrong."""

    chart: str
    values: Path
    folder: Path
    passed: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    ignored: set[str] = field(default_factory=set)

    @property
    def name(self) -> str:
        return f"{self.chart}/{self.values.stem}"

    def note(self, check: str, complaint: str) -> None:
        """Count the check as passed when there is no complaint; one that every version makes is told once."""
        line = f"{self.name}: {check}: {complaint}"
        if not complaint:
            self.passed[check] += 1
        elif line not in self.wrong:
            self.wrong.append(line)

    def manifest(self, helm: str, version: str) -> Path:
        return self.folder / f"{self.chart}-{self.values.stem}-{helm}-{version}.yaml"


def check_all() -> list[Case]:
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(os.cpu_count()) as pool:
        schemas = pool.submit(conformity.write_schemas, Path(folder))
        cases = [
            Case(chart, values, Path(folder))
            for chart in NAMES
            for values in sorted((CHARTS / chart / "ci").glob("*.yaml"))
        ]
        list(pool.map(render, cases))
        for judged in pool.map(lambda version: conform(cases, version, schemas.result()), VERSIONS):
            for case, complaint in judged:
                case.note("kubeconform", complaint)
        list(pool.map(judge, cases))
    return cases


def render(case: Case) -> None:
    place, file = str(CHARTS / case.chart), f"--values={case.values}"
    for helm in HELMS:
        lint = _run(helm, "lint", "--strict", f"--kube-version={VERSIONS[-1]}", place, file)
        case.note("helm lint", lint.stdout + lint.stderr if lint.returncode else "")
        for version in VERSIONS:
            made = _run(helm, "template", "tandem", place, file, "--namespace=tandem", f"--kube-version={version}")
            case.note("helm template", made.stderr if made.returncode else "")
            if not made.returncode:
                case.manifest(helm, version).write_text(made.stdout)


def conform(cases: Sequence[Case], version: str, schemas: Iterable[str]) -> list[tuple[Case, str]]:
    """Complaints of all that was made for one version at once: reading its schemas takes longer than using them."""
    manifests = {case.manifest(helm, version): case for case in cases for helm in HELMS}
    there = [file for file in manifests if file.exists()]
    wrong = conformity.complaints(there, version, schemas)
    return [(manifests[file], "\n".join(wrong[file])) for file in there]


def judge(case: Case) -> None:
    """What is made for the newest version, by kube-score and by the Pod Security Standard of every version."""
    manifest = case.manifest(HELMS[-1], VERSIONS[-1])
    if manifest.exists():
        case.note("Pod Security", refused_pods(manifest, but=UNRESTRICTED.get(case.chart, ())))
        score(case, manifest)


def refused_pods(manifest: Path, *, but: Iterable[str] = ()) -> str:
    """The pods, but these, that a namespace would refuse which enforces the standard "restricted", and why."""
    done = _run("podsecurity", str(manifest), *(version.rpartition(".")[0] for version in VERSIONS))
    known = tuple(f"{pod}: " for pod in but)
    return "".join(line for line in done.stdout.splitlines(keepends=True) if not line.startswith(known)) + done.stderr


def score(case: Case, manifest: Path) -> None:
    options = ["--output-format=json", f"--kubernetes-version=v{VERSIONS[-1].rpartition('.')[0]}"]
    optional = [f"--enable-optional-test={test}" for test in OPTIONAL]
    done = _run("kube-score", "score", *options, *optional, str(manifest))
    failed = [
        (check["check"]["id"], f"{found['object_name']}: {comment['path']} {comment['summary']}")
        for found in json.loads(done.stdout)
        for check in found["checks"]
        if check["grade"] == CRITICAL and not check["skipped"]
        for comment in check["comments"]
    ]
    case.ignored = {test for test, _ in failed if fnmatch(case.name, IGNORED.get(test, ""))}
    case.note("kube-score", "\n".join(f"{test}: {what}" for test, what in failed if test not in case.ignored))


def ignored_for_nothing(cases: Iterable[Case]) -> set[str]:
    """The tests of kube-score that no example needs to have ignored."""
    return IGNORED.keys() - {test for case in cases for test in case.ignored}


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
