"""Where uploads are kept: a folder, or a bucket of anything that speaks S3."""

from typing import Any
from urllib.parse import urlsplit

from tandem_admin.environment import Settings

# A file is named after its content: it never changes, and the same one twice is one.
FOREVER = "public, max-age=31536000, immutable"


def media_storage(settings: Settings) -> dict[str, Any]:
    """Django's storage for uploads. The bucket's credentials are boto's business: variables, or the pod's identity."""
    if not settings.media_s3_bucket:
        return {
            "BACKEND": "django.core.files.storage.FileSystemStorage",
            "OPTIONS": {
                "location": settings.media_root,
                "base_url": settings.media_base_url,
                "allow_overwrite": True,
            },
        }
    public = urlsplit(settings.media_base_url)
    return {
        "BACKEND": "tandem_admin.bucket.Bucket",
        "OPTIONS": {
            "bucket_name": settings.media_s3_bucket,
            "endpoint_url": settings.media_s3_endpoint or None,
            "region_name": settings.media_s3_region or None,
            "object_parameters": {"CacheControl": FOREVER, "ContentType": "image/webp"},
            "querystring_auth": False,
            "custom_domain": f"{public.netloc}{public.path}".rstrip("/"),
            "url_protocol": f"{public.scheme}:",
        },
    }
