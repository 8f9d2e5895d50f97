"""Text from the middle of a byte stream: no byte lost or repeated, no character split."""

from __future__ import annotations

import codecs


def take_text(data: bytes, *, final: bool) -> tuple[str, int]:
    """
    Decode what can be decoded; return the text, and how many bytes it took.

    Up to three bytes of a character that is not whole yet stay untaken, for the next call to begin with.
    What is no UTF-8 becomes U+FFFD, whose bytes are taken.

    Args:
        data: Bytes from any place of the stream.
        final: Nothing will follow: a character that is not whole is taken as invalid.
    """
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    text = decoder.decode(data, final)
    return text, len(data) - len(decoder.getstate()[0])
