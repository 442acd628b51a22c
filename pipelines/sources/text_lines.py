"""Text files as numbered lines: decoded as a stream, composed to NFC, never held whole.

Splitting a line into columns is the business of each format (`pipelines/sources/landing.py`).
"""

import codecs
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipelines.sources.compression import UnreadableFileError, opened

Unreadable = dict[str, UnreadableFileError]
"""batch_id -> why its file cannot be read to its end."""

UNDECODABLE = "\ufffd"
"""What stands for a byte that the codec cannot decode."""

_CHUNK_BYTES = 8 << 20
_HEAD_BYTES = 64 << 10
_SCHEMA = pa.schema([("batch_id", pa.string()), ("row_number", pa.int64()), ("line", pa.string())])


def read_lines(files: Iterable[tuple[str, Path]], codec: str, unreadable: Unreadable) -> pa.RecordBatchReader:
    """Every line of every file as a stream of (batch_id, row_number from 1, line), in file order.

    A line ends at LF or CRLF and nowhere else, so that row numbers are those an editor shows. A byte that the codec
    cannot decode becomes U+FFFD, and a byte order mark is dropped. Where a file cannot be read, or not to its end, the
    error goes into `unreadable` under its batch_id, and the next file follows.
    """
    return pa.RecordBatchReader.from_batches(_SCHEMA, _batches(files, codec, unreadable))


def _batches(files: Iterable[tuple[str, Path]], codec: str, unreadable: Unreadable) -> Iterator[pa.RecordBatch]:
    for batch_id, path in files:
        try:
            yield from _batches_of(batch_id, path, codec)
        except UnreadableFileError as error:
            unreadable[batch_id] = error


def _batches_of(batch_id: str, path: Path, codec: str) -> Iterator[pa.RecordBatch]:
    row_number = 1
    for text in whole_lines(path, codec):
        lines = split_lines(text)
        numbers = pa.array(np.arange(row_number, row_number + len(lines)))
        yield pa.RecordBatch.from_arrays(
            [pa.repeat(pa.scalar(batch_id, pa.string()), len(lines)), numbers, lines], schema=_SCHEMA
        )
        row_number += len(lines)


def first_line(path: Path, codec: str) -> str | None:
    """The first line of a file, None where it has none; raises UnreadableFileError."""
    return next((piece.split("\n", 1)[0] for piece in whole_lines(path, codec, _HEAD_BYTES)), None)


def whole_lines(path: Path, codec: str, chunk_bytes: int = _CHUNK_BYTES) -> Iterator[str]:
    """The text in pieces that end at the end of a line, without that last line end."""
    decoder = codecs.getincrementaldecoder(codec)(errors="replace")
    rest = ""
    is_first = True
    with opened(path) as file:
        while piece := file.read(chunk_bytes):
            text = decoder.decode(piece)
            if is_first and text:
                text, is_first = text.removeprefix("\ufeff"), False
            head, line_end, tail = text.rpartition("\n")
            if line_end:
                yield _composed(rest + head)
                rest = tail
            else:
                rest += text
    rest += decoder.decode(b"", final=True)
    if rest:
        yield _composed(rest)


def whole_byte_lines(path: Path) -> Iterator[bytes]:
    """The file's bytes in pieces that end at the end of a line, without that last line end and a UTF-8 byte order mark.

    For codecs in which a line end is the byte 10 and nothing else has that byte.
    """
    rest = b""
    is_first = True
    with opened(path) as file:
        while piece := file.read(_CHUNK_BYTES):
            head, line_end, tail = piece.rpartition(b"\n")
            if not line_end:
                rest += piece
                continue
            content, rest = rest + head, tail
            yield _with_plain_ends(content, is_first)
            is_first = False
    if rest:
        yield _with_plain_ends(rest, is_first)


def _with_plain_ends(content: bytes, is_first: bool) -> bytes:
    if is_first:
        content = content.removeprefix(codecs.BOM_UTF8)
    return content.replace(b"\r\n", b"\n").removesuffix(b"\r") if b"\r" in content else content


def whole_lines_in_utf8(path: Path, codec: str) -> Iterator[bytes]:
    """The same pieces as of whole_lines, in UTF-8; what came as such is looked at and passed on."""
    if codecs.lookup(codec).name not in ("utf-8", "utf-8-sig"):
        yield from (text.encode() for text in whole_lines(path, codec))
        return
    for content in whole_byte_lines(path):
        yield content if content.isascii() else _in_composed_utf8(content)


def _in_composed_utf8(content: bytes) -> bytes:
    text = content.decode("utf-8", errors="replace")
    composed = unicodedata.normalize("NFC", text)
    return content if composed == text and UNDECODABLE not in text else composed.encode()


def _composed(text: str) -> str:
    text = text.replace("\r\n", "\n").removesuffix("\r")
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def split_lines(text: str) -> pa.Array:
    """The lines of a text that ends without a line end."""
    return pc.split_pattern(pa.array([text], pa.large_string()), "\n").values.cast(pa.string())


def decoded(values: pa.Array, codec: str) -> pa.Array:
    """Bytes without a line end among them as text in NFC; what the codec cannot decode becomes U+FFFD in its own value.

    `codec` must be one in which a line end is the byte 10 and nothing else has that byte.
    """
    joined = pc.binary_join(pa.ListArray.from_arrays([0, len(values)], values), b"\n")[0].as_py()
    if joined.isascii():
        return pc.cast(values, pa.string())
    return split_lines(unicodedata.normalize("NFC", joined.decode(codec, errors="replace")))
