"""Run one command, and stop it when whoever started us is gone.

Our standard input is a pipe from the starter. It closes when the starter wants us to stop, and it closes when the
starter dies, even of SIGKILL: so there are no orphans on any Unix. Should we ourselves be killed, Linux kills the
command with us. Imports the standard library only, as it runs without the environment's packages.

guard.py STOP_SIGNAL GRACE_SECONDS UID:GID|- KEPT_DESCRIPTORS COMMAND...
"""

import contextlib
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Have the kernel kill this process when its parent dies (Linux only)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we could ask
            os._exit(1)


def start(account: str, kept: str, command: list[str]) -> "subprocess.Popen[bytes]":
    uid, gid = [int(number) for number in account.split(":")] if account != "-" else [None, None]
    myself = os.getpid()
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # a process group of its own, which we can kill as a whole
        pass_fds=[int(descriptor) for descriptor in kept.split(",") if descriptor],
        user=uid,
        group=gid,
        extra_groups=None if uid is None else [],
        # The bit is lost when the user changes; Python calls this afterwards.
        preexec_fn=lambda: die_with(myself),  # noqa: PLW1509 - there is one thread
    )


def kill_group(child: "subprocess.Popen[bytes]") -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS: PermissionError when only zombies are left
        os.killpg(child.pid, signal.SIGKILL)


def watch(child: "subprocess.Popen[bytes]", stop: signal.Signals, grace: float, signals: int) -> None:
    """Return when the child has ended; ask it to when our input closes or a signal comes, kill it after the grace."""
    deadline: float | None = None
    while child.poll() is None:
        inputs = [signals, 0] if deadline is None else [signals]
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        ready, _, _ = select.select(inputs, [], [], left)
        received = set(os.read(signals, 512)) if signals in ready else set()
        if deadline is None and (0 in ready or received - {signal.SIGCHLD}):
            child.send_signal(stop)
            deadline = time.monotonic() + grace
        elif deadline is not None and time.monotonic() >= deadline:
            kill_group(child)
            child.wait()


def main() -> None:
    stop, grace, account, kept, *command = sys.argv[1:]
    signals, wakeup = os.pipe()
    os.set_blocking(wakeup, False)
    signal.set_wakeup_fd(wakeup)
    for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: None)
    try:
        child = start(account, kept, command)
    except OSError as error:
        sys.exit(f"{command[0]}: {error.strerror}")
    watch(child, signal.Signals(int(stop)), float(grace), signals)
    kill_group(child)  # what it left behind: workers of a master that crashed
    os._exit(child.returncode if child.returncode >= 0 else 128 - child.returncode)


if __name__ == "__main__":
    main()
