"""`tandem-verify`: what it does with addresses, and how it says that a system is not there."""

import socket
import subprocess

import pytest
from tandem_local.ports import free_port
from tandem_local.programs import program
from tandem_local.verify import ports_led

ENVIRONMENT = {
    "TANDEM_API_URL": "http://127.0.0.1:1",
    "TANDEM_DEMO_STAFF_PASSWORD": "x",
    "TANDEM_DEMO_CUSTOMER_PASSWORD": "x",
}


def test_a_port_leads_to_another_host_and_back() -> None:
    port = free_port()
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        ports_led([f"{port}=127.0.0.1:{server.getsockname()[1]}"]),
        socket.create_connection(("127.0.0.1", port), timeout=10) as client,
    ):
        far, _ = server.accept()
        client.sendall(b"question")
        assert far.recv(100) == b"question"
        far.sendall(b"answer")
        assert client.recv(100) == b"answer"
        far.close()
        assert client.recv(100) == b""


@pytest.mark.parametrize("wrong", ["8000", "x=host:80", "8000=host", "8000=:80", "8000=host:http"])
def test_what_is_no_port_and_host_is_refused(wrong: str) -> None:
    with pytest.raises(ValueError, match="is not such as"), ports_led([wrong]):
        pass


def test_a_system_that_is_not_there_is_told() -> None:
    done = subprocess.run(
        [program("tandem-verify"), f"--admin-url=http://127.0.0.1:{free_port()}"],
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "failed: the scenario failed" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
