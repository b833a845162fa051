"""Pictures for whoever asks, where no bucket is in use."""

from django.core.exceptions import SuspiciousFileOperation
from django.core.files.storage import default_storage
from django.http import FileResponse, Http404, HttpRequest

from tandem_admin.media import FOREVER

SUFFIX = ".webp"


def serve_picture(_request: HttpRequest, name: str) -> FileResponse:
    """What the catalogue made of an upload; Http404 for anything else that may lie in the folder."""
    if not name.endswith(SUFFIX):
        raise Http404
    try:
        file = default_storage.open(name)
    except (FileNotFoundError, IsADirectoryError, SuspiciousFileOperation):
        raise Http404 from None
    return FileResponse(file, content_type="image/webp", headers={"Cache-Control": FOREVER})
