"""Files of media, made here."""

import io
import wave


def wav(*, seconds: int = 2, rate: int = 8000, channels: int = 2) -> bytes:
    """A silent recording."""
    data = io.BytesIO()
    with wave.open(data, "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(bytes(seconds * rate * channels * 2))
    return data.getvalue()
