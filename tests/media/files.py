"""Files of media, made here."""

import io
import wave

import av
import numpy as np
from PIL import Image


def png(form: str = "PNG", size: tuple[int, int] = (64, 48)) -> bytes:
    """An image, of another format where that is asked for."""
    data = io.BytesIO()
    Image.new("RGB", size, "teal").save(data, form)
    return data.getvalue()


def wav(*, seconds: int = 2, rate: int = 8000, channels: int = 2) -> bytes:
    """A silent recording."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(seconds * rate * channels * 2))
    return data.getvalue()


def mp4() -> bytes:
    """A silent video of a second."""
    data = io.BytesIO()
    with av.open(data, "w", format="mp4") as file:
        stream = file.add_stream("mpeg4", rate=10)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _number in range(10):
            file.mux(
                stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24"))
            )
        file.mux(stream.encode(None))
    return data.getvalue()


def photo(*, size: tuple[int, int] = (400, 200), form: str = "JPEG") -> bytes:
    """A picture as a phone takes it: lying on its side, with the place where it was taken, and a comment."""
    image = Image.new("RGB", size, "teal")
    exif = Image.Exif()
    exif[0x0112] = 6  # a quarter turn
    exif[0x010F] = "SecretMaker"
    exif.get_ifd(0x8825)[1] = "N"
    exif.get_ifd(0x8825)[2] = (37.0, 33.0, 58.0)
    data = io.BytesIO()
    image.save(data, form, exif=exif)
    return data.getvalue()


def noise(size: tuple[int, int] = (300, 200)) -> bytes:
    """A PNG that cannot be packed much."""
    data = io.BytesIO()
    pixels = np.random.default_rng(7).integers(0, 255, (size[1], size[0], 3), np.uint8)
    Image.fromarray(pixels).save(data, "PNG")
    return data.getvalue()
