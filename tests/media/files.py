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
