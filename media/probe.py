"""What an image, a recording or a video says of itself: a program of its own, for files of strangers.

`probe.py image|audio|video` reads the file from its input and writes one JSON object: the facts, or
`{"error": …}`. `probe.py small` writes a small copy of a picture, or ends with 1. It has bounds of memory and
time, and opens nothing besides: decoders of media are large, and a file that breaks one of them breaks this
process only. Nothing of Django is imported here.
"""

import io
import json
import re
import resource
import sys
import warnings
from typing import Any

MEMORY_BYTES = 2 << 30
CPU_SECONDS = 15
IMAGES = ("PNG", "JPEG", "GIF", "WEBP", "BMP", "TIFF", "ICO", "AVIF", "PPM")
# Containers that hold their streams themselves. Play lists and the like name other files, which FFmpeg opens.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpeg,mpegts,asf,ogg,mp3,aac,flac,wav,aiff,caf,ac3,eac3,amr,au,"
    "h264,hevc,w64,wv,opus"
)
# EXIF tags by their number (EXIF 2.3).
EXIF = {0x010F: "camera_maker", 0x0110: "camera", 0x0112: "orientation", 0x0132: "taken_at"}
GPS = 0x8825
# The longest side of a small copy: more than this, models that see shrink themselves.
SMALL_SIDE = 1568
MOST_PIXELS = 50_000_000


def image(data: bytes) -> dict[str, Any]:
    """Format, size in pixels, colours, frames, and what the camera noted."""
    from PIL import Image

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # the pixels are not unpacked here
    with Image.open(io.BytesIO(data), formats=IMAGES) as found:
        exif = found.getexif()
        noted = {name: str(exif[tag])[:100] for tag, name in EXIF.items() if tag in exif}
        return {
            "format": (found.format or "").lower(),
            "width": found.width,
            "height": found.height,
            "mode": found.mode,
            "frames": int(getattr(found, "n_frames", 1)),
            "transparent": found.has_transparency_data,
            "resolution": [round(float(number), 2) for number in found.info.get("dpi", ())] or None,
            "exif": noted,
            "has_place": GPS in exif,
        }


def small(data: bytes) -> bytes:
    """The first frame, upright, on white, no longer than `SMALL_SIDE`: a JPEG that holds nothing but pixels.

    Where it was taken, and all else that a camera notes, stays behind. Raises ValueError for too many pixels.
    """
    from PIL import Image, ImageOps

    warnings.simplefilter("ignore")
    Image.MAX_IMAGE_PIXELS = None  # counted here
    with Image.open(io.BytesIO(data), formats=IMAGES) as found:
        if found.width * found.height > MOST_PIXELS:
            raise ValueError("too many pixels")
        found.draft("RGB", (2 * SMALL_SIDE, 2 * SMALL_SIDE))
        turned: Any = ImageOps.exif_transpose(found)
    if turned.mode.startswith("I"):  # 16 bits of grey
        turned = turned.convert("I").point(lambda grey: grey * (1 / 256)).convert("L")
    layer = turned.convert("RGBA" if turned.has_transparency_data else "RGB")
    layer.thumbnail((SMALL_SIDE, SMALL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2.0)
    clean = Image.new("RGB", layer.size, "white")
    clean.paste(layer, mask=layer if layer.mode == "RGBA" else None)
    written = io.BytesIO()
    clean.save(written, "JPEG", quality=88, optimize=True)
    return written.getvalue()


def audio(data: bytes) -> dict[str, Any]:
    """Container, length in seconds, tags, and of each sound its codec, rate and channels."""
    return _streams(data, "audio")


def video(data: bytes) -> dict[str, Any]:
    """As for audio, and of each picture its codec, size and frames per second."""
    return _streams(data, "video")


def _streams(data: bytes, wanted: str) -> dict[str, Any]:
    import av

    options = {"format_whitelist": CONTAINERS, "protocol_whitelist": "none"}
    opened: Any = av.open(io.BytesIO(data), options=options)
    with opened as found:
        streams = {
            "audio": [_sound(stream) for stream in found.streams.audio],
            "video": [_picture(stream) for stream in found.streams.video],
        }
        if not streams[wanted]:
            raise ValueError(f"there is no {wanted} in it")
        return {
            "format": found.format.name,
            "seconds": round(found.duration / 1_000_000, 3) if found.duration else None,
            "bit_rate": found.bit_rate or None,
            "tags": {str(key)[:50]: str(value)[:200] for key, value in list(found.metadata.items())[:30]},
            **streams,
            "subtitles": len(found.streams.subtitles),
        }


def _sound(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    return {
        "codec": context.name,
        "sample_rate": context.sample_rate,
        "channels": context.channels,
        "layout": context.layout.name if context.layout else None,
        "language": stream.language,
    }


def _picture(stream: Any) -> dict[str, Any]:
    context = stream.codec_context
    rate = stream.average_rate
    return {
        "codec": context.name,
        "width": context.width,
        "height": context.height,
        "frames_per_second": round(float(rate), 3) if rate else None,
        "frames": stream.frames or None,
        "pixel_format": context.pix_fmt,
    }


def main() -> None:
    """Bound this process, read, look, write."""
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    data = sys.stdin.buffer.read()
    if sys.argv[1] == "small":
        sys.stdout.buffer.write(small(data))
        return
    try:
        said: dict[str, Any] = {"image": image, "audio": audio, "video": video}[sys.argv[1]](data)
    except Exception as error:
        # Pillow names the object it read from, with its address: of use to nobody.
        text = re.sub(r"\s*<_io\.[^>]*>", "", str(error))
        said = {"error": f"{type(error).__name__}: {text}"[:300]}
    sys.stdout.write(json.dumps(said))


if __name__ == "__main__":
    main()
