import signal
import subprocess
from collections.abc import Callable

import pytest

Start = Callable[..., subprocess.Popen[str]]

STOPPING = """
    import asyncio, sys, time
    from tandem_runtime.shutdown import stop_on_signals

    async def main():
        stop = stop_on_signals()
        print("running", flush=True)
        await stop.wait()
        print("draining", flush=True)
        await asyncio.sleep({drain})
        print("drained", flush=True)

    asyncio.run(main())
"""


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_sets_the_event_and_the_process_ends_by_itself(start: Start, number: signal.Signals) -> None:
    process = start(STOPPING.format(drain=0))
    assert next_line(process) == "running\n"
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (0, "")
    assert stdout.endswith("draining\ndrained\n")


def test_a_second_signal_ends_it_at_once(start: Start) -> None:
    process = start(STOPPING.format(drain=60))
    assert next_line(process) == "running\n"
    process.send_signal(signal.SIGTERM)
    while "draining" not in next_line(process):
        pass
    process.send_signal(signal.SIGTERM)
    stdout, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + signal.SIGTERM
    assert "drained" not in stdout
