"""Opens a text file for reading, decompressed where its name ends in .gz or .zip, as a stream."""

import gzip
import lzma
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, cast

# A damaged name of a zip file's member does not decode.
_DAMAGE = (gzip.BadGzipFile, zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, UnicodeError)


class UnreadableFileError(Exception):
    """A file that cannot be read to its end: `cause` and `remedy`, without the file's name and content."""

    def __init__(self, cause: str, remedy: str) -> None:
        super().__init__(cause)
        self.cause = cause
        self.remedy = remedy


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """The bytes of the text in `path`; raises UnreadableFileError, also while they are read."""
    try:
        if path.suffix.lower() == ".gz":
            with gzip.open(path) as unpacked:
                yield cast(IO[bytes], unpacked)
        elif path.suffix.lower() == ".zip":
            with zipfile.ZipFile(path) as archive, archive.open(_only_member(archive)) as file:
                yield file
        else:
            with path.open("rb") as file:
                yield file
    except _DAMAGE as error:
        raise UnreadableFileError(
            f"the archive is damaged or cut off ({str(error) or type(error).__name__})", "deliver the file again"
        ) from error
    except NotImplementedError as error:
        raise UnreadableFileError(
            f"the archive is packed in a way that cannot be read ({error})",
            "pack it with deflate, and deliver it again",
        ) from error
    except OSError as error:
        raise UnreadableFileError(
            f"it cannot be read: {error.strerror}", "let crmdw read the file, and deliver it again"
        ) from error


def _only_member(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    # macOS packs what it knows of a file beside it.
    members = [
        member for member in archive.infolist() if not member.is_dir() and not member.filename.startswith("__MACOSX/")
    ]
    if len(members) != 1:
        raise UnreadableFileError(
            f"the archive holds {len(members)} files", "deliver one file per archive, and each delivery in its own"
        )
    if members[0].flag_bits & 0x1:
        raise UnreadableFileError("the archive is encrypted", "deliver the file without a password")
    return members[0]
