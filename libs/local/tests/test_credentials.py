import json
from pathlib import Path

from tandem_local.credentials import kept_credentials


def test_a_file_of_an_earlier_release_gets_the_secrets_that_are_newer(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = kept_credentials(file)
    older = json.loads(file.read_text())
    del older["probe_client_secret"]
    file.write_text(json.dumps(older))

    renewed = kept_credentials(file)

    assert renewed.probe_client_secret
    assert kept_credentials(file) == renewed
    assert renewed.payment_api_key == first.payment_api_key


def test_credentials_are_kept_and_a_new_role_gets_a_password_beside_them(tmp_path: Path) -> None:
    file = tmp_path / "secrets.json"
    first = kept_credentials(file)
    assert kept_credentials(file) == first

    older = json.loads(file.read_text())
    del older["role_passwords"]["tandem_purge"]
    file.write_text(json.dumps(older))
    renewed = kept_credentials(file)

    assert renewed.role_passwords.pop("tandem_purge")
    assert renewed.role_passwords == older["role_passwords"]
    assert renewed.oidc_private_key == first.oidc_private_key
    assert file.stat().st_mode & 0o077 == 0
