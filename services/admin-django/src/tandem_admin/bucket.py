"""Uploads in a bucket: only imported where one is in use (extra `s3`)."""

from typing import Any

from boto3.exceptions import Boto3Error
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from django.core.files.base import File
from storages.backends.s3 import S3Storage

# Somebody waits at a form; boto's own patience is minutes.
CLIENT_CONFIG = Config(connect_timeout=3, read_timeout=10, retries={"mode": "standard", "total_max_attempts": 2})


class Bucket(S3Storage):  # type: ignore[misc]  # storages has no types
    """A bucket that fails as a folder does: with OSError."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(client_config=CLIENT_CONFIG, **settings)

    def _save(self, name: str, content: "File[bytes]") -> str:
        try:
            kept: str = super()._save(name, content)
        except (BotoCoreError, Boto3Error, ClientError) as error:
            raise OSError(f"the bucket does not take {name}: {error}") from error
        return kept
