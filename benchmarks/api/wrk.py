"""Load by wrk, a load generator in C: what it asks for next to the server it measures is little."""

import json
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass

import httpx

from benchmarks.measuring.surroundings import Surroundings

# Asks for the paths in turn, and tells at the end as JSON what it saw; times are microseconds there.
SCRIPT = """
local paths, position = {}, 0
function init(args)
   for _, path in ipairs(args) do paths[#paths + 1] = path end
end
function request()
   position = position % #paths + 1
   return wrk.format("GET", paths[position])
end
function done(summary, latency)
   local errors = summary.errors
   io.write(string.format(
      '{"requests":%d,"duration":%d,"p50":%d,"p99":%d,"failed":%d,"refused":%d,"late":%d}',
      summary.requests, summary.duration, latency:percentile(50), latency:percentile(99),
      errors.connect + errors.read + errors.write, errors.status, errors.timeout))
end
"""
PATIENCE_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Seen:
    """Answers a second, and within how many milliseconds half and 99 % of them came."""

    rate: float
    p50_ms: float
    p99_ms: float


class Wrk:
    """Raises FileNotFoundError when wrk is not installed."""

    def __init__(self, around: Surroundings) -> None:
        found = shutil.which("wrk")
        if found is None:
            raise FileNotFoundError("there is no wrk: apt-get install wrk")
        self._program = found
        self._script = around.home / "paths.lua"
        self._script.write_text(SCRIPT)

    def ask(self, url: str, paths: Sequence[str], *, clients: int, seconds: float) -> Seen:
        """`clients` connections ask for the paths in turn, each when it is answered. An answer but 200 is an error."""
        argv = [
            self._program,
            "--threads",
            "1",
            "--connections",
            str(clients),
            "--duration",
            f"{max(2, round(seconds))}s",
        ]
        argv += ["--timeout", f"{PATIENCE_SECONDS}s", "--script", str(self._script), url, "--", *paths]
        printed = subprocess.run(argv, capture_output=True, text=True, check=True).stdout
        saw = json.loads(printed[printed.index("{") :])
        if saw["failed"] or saw["refused"] or saw["late"]:
            raise RuntimeError(f"{url} did not answer as it should under {clients} clients: {saw}")
        return Seen(1_000_000 * saw["requests"] / saw["duration"], saw["p50"] / 1000, saw["p99"] / 1000)


def answers(url: str) -> bool:
    """Whether a server is there and answers well."""
    try:
        return httpx.get(url).is_success
    except httpx.TransportError:
        return False
