"""A product's picture: what may be uploaded, and what is made of it."""

import hashlib
import io

from django.core.files.base import ContentFile, File
from PIL import Image, ImageOps

MAXIMUM_BYTES = 5_000_000
MAXIMUM_PIXELS = 40_000_000
FORMATS = ("JPEG", "PNG", "WEBP")
# The longer side, in pixels: enough for a phone held across.
EDGE = 1600
QUALITY = 82


def picture_of(upload: "File[bytes]") -> "ContentFile[bytes]":
    """The upload as WebP of at most 1600 pixels a side, named after its content; ValueError says what is wrong.

    Made anew from the pixels: what a camera adds, such as the place, and whatever else a file can hide stays behind.
    """
    if upload.size > MAXIMUM_BYTES:
        raise ValueError(f"A picture has at most {MAXIMUM_BYTES // 1_000_000} MB.")
    try:
        with Image.open(upload, formats=FORMATS) as image:
            if image.width * image.height > MAXIMUM_PIXELS:
                raise ValueError(f"A picture has at most {MAXIMUM_PIXELS // 1_000_000} megapixels.")
            picture = ImageOps.exif_transpose(image)
            picture.thumbnail((EDGE, EDGE))
            written = io.BytesIO()
            picture.convert("RGBA" if picture.has_transparency_data else "RGB").save(
                written, "WEBP", quality=QUALITY, icc_profile=b"", exif=b""
            )
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:  # as Pillow has it for what it cannot read
        raise ValueError(f"This is no picture that can be read. Give a {', '.join(FORMATS)}.") from error
    content = written.getvalue()
    return ContentFile(content, name=f"{hashlib.sha256(content).hexdigest()[:32]}.webp")
