"""The images that `make images` made, which TANDEM_TEST_IMAGES_TAG names: `make test-images`."""

import os

import pytest


@pytest.fixture(scope="session")
def tag() -> str:
    if not (name := os.environ.get("TANDEM_TEST_IMAGES_TAG")):
        pytest.skip("no images to test: `make images test-images`, which needs docker")
    return name
