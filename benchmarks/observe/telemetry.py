"""How services tell of themselves: not at all, all of it, and to a collector that is not there."""

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import httpx
from tandem_local.ports import free_port
from tandem_local.spans import receiving_spans

from benchmarks.measuring.surroundings import Surroundings
from observability.live.collectors import Collectors, running_collectors

OFF = "off"
LINES = "log lines alone"
ON = "on"
UNSPARING = "on, of every read and every statement"
REFUSED = "on, the collector refuses"
SILENT = "on, the collector is silent"
MANNERS = (OFF, LINES, ON, UNSPARING, REFUSED, SILENT)
SCRAPE_SECONDS = 5.0


@dataclass(frozen=True)
class Telemetry:
    """The surroundings for each manner, and the collectors that take what is told."""

    around: Mapping[str, Surroundings]
    collectors: Collectors

    def service_seconds(self, manner: str) -> float:
        """The processor time that the manner's services have used."""
        return sum(service.processor_seconds() for service in self.around[manner].services.values())

    def collector_seconds(self) -> float:
        """The processor time that the collectors have used."""
        programs = (self.collectors.agent, *(gateway.running for gateway in self.collectors.gateways))
        return sum(program.processor_seconds() for program in programs)


@contextmanager
def telemetry(around: Surroundings) -> Iterator[Telemetry]:
    """Off is without traces, with errors alone in the log, and read by nobody; metrics are counted all the same.

    Log lines alone is what there is without a collector. On is that as it is by default, spans to a real agent and
    gateway, and metrics read each five seconds; unsparing tells of each read from memory and each statement too.
    """
    with ExitStack() as parts:
        kept = parts.enter_context(receiving_spans())
        collectors = parts.enter_context(running_collectors(around.home, kept.endpoint))
        silent = parts.enter_context(_silence())
        to = "OTEL_EXPORTER_OTLP_ENDPOINT"
        everything = {"TANDEM_CATALOGUE_SAMPLE": "1", "TANDEM_TRACE_STATEMENT_SECONDS": "0"}
        manners = {
            OFF: around.telling({"TANDEM_LOG_LEVEL": "ERROR"}),
            LINES: around.telling({}),
            ON: around.telling({to: collectors.endpoint}),
            UNSPARING: around.telling({to: collectors.endpoint} | everything),
            REFUSED: around.telling({to: f"http://127.0.0.1:{free_port()}"}),
            SILENT: around.telling({to: silent}),
        }
        for manner, place in manners.items():
            if manner not in (OFF, LINES):
                parts.enter_context(_scraping(place))
        yield Telemetry(manners, collectors)


@contextmanager
def _silence() -> Iterator[str]:
    """An endpoint that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@contextmanager
def _scraping(around: Surroundings) -> Iterator[None]:
    """Read the metrics of the services that run, as Prometheus does."""
    ended = threading.Event()

    def scrape() -> None:
        accept = {"Accept": "application/openmetrics-text; version=1.0.0", "Accept-Encoding": "gzip"}
        with httpx.Client(headers=accept) as client:
            while not ended.wait(SCRAPE_SECONDS):
                for port in list(around.services):
                    client.get(f"http://127.0.0.1:{port}/metrics")

    thread = threading.Thread(target=scrape, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
