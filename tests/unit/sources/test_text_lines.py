"""Text becomes numbered lines as an editor shows them, in NFC, whatever the codec and wherever a chunk ends."""

import unicodedata
from pathlib import Path

import pytest

from pipelines.sources import text_lines


def read(tmp_path: Path, content: bytes, codec: str = "utf-8") -> list[tuple[int, str]]:
    path = tmp_path / "file.txt"
    path.write_bytes(content)
    rows = text_lines.read_lines([("batch", path)], codec, {}).read_all().to_pylist()
    assert {row["batch_id"] for row in rows} <= {"batch"}
    # The same text, for those who go on with bytes.
    as_bytes = b"\n".join(text_lines.whole_lines_in_utf8(path, codec))
    assert as_bytes.decode() == "\n".join(row["line"] for row in rows)
    return [(row["row_number"], row["line"]) for row in rows]


@pytest.fixture(params=[1, 2, 3, 5, 8 << 20], ids=lambda size: f"chunks of {size}")
def any_chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "_CHUNK_BYTES", request.param)


def test_each_codec_is_decoded(any_chunk: None, tmp_path: Path) -> None:
    for codec in ("cp949", "utf-8", "utf-16", "utf-8-sig"):
        assert read(tmp_path, "이름\n똠방각하\n".encode(codec), codec) == [(1, "이름"), (2, "똠방각하")]


def test_a_byte_order_mark_is_dropped_at_the_beginning_alone(any_chunk: None, tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff이름\n\ufeffb".encode()) == [(1, "이름"), (2, "\ufeffb")]


def test_decomposed_hangul_is_composed_even_across_chunks(any_chunk: None, tmp_path: Path) -> None:
    decomposed = unicodedata.normalize("NFD", "김은경\n서울\n")
    assert len(decomposed) > 8
    assert read(tmp_path, decomposed.encode()) == [(1, "김은경"), (2, "서울")]


def test_a_line_ends_at_lf_or_crlf_and_nowhere_else(any_chunk: None, tmp_path: Path) -> None:
    content = "a\r\nb\n\nc\rd\u2028e\u0085f\x0bg\x0ch\r\n".encode()
    assert read(tmp_path, content) == [(1, "a"), (2, "b"), (3, ""), (4, "c\rd\u2028e\u0085f\x0bg\x0ch")]


@pytest.mark.parametrize("content", [b"a\nb", b"a\nb\n", b"a\r\nb\r\n", b"a\r\nb", b"a\nb\r"])
def test_the_last_line_counts_with_or_without_its_end(any_chunk: None, tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == [(1, "a"), (2, "b")]


def test_an_undecodable_byte_becomes_a_replacement_character_and_spoils_nothing_else(
    any_chunk: None, tmp_path: Path
) -> None:
    assert read(tmp_path, b"a,\xff,b\nc", "utf-8") == [(1, "a,\ufffd,b"), (2, "c")]
    # Half a Hangul syllable of CP949, before a delimiter and before a line end.
    assert read(tmp_path, b"\xb1,a\nb\xb1\nc\xb1", "cp949") == [(1, "\ufffd,a"), (2, "b\ufffd"), (3, "c\ufffd")]


def test_an_empty_file_has_no_lines(tmp_path: Path) -> None:
    assert read(tmp_path, b"") == []


def test_each_file_is_numbered_from_one(tmp_path: Path) -> None:
    paths = [tmp_path / "a", tmp_path / "b", tmp_path / "c"]
    for path, content in zip(paths, (b"1\n2\n", b"", b"3"), strict=True):
        path.write_bytes(content)
    rows = text_lines.read_lines([(path.name, path) for path in paths], "utf-8", {}).read_all().to_pylist()
    assert [tuple(row.values()) for row in rows] == [("a", 1, "1"), ("a", 2, "2"), ("c", 1, "3")]


def test_a_file_that_cannot_be_read_is_noted_and_the_next_one_follows(tmp_path: Path) -> None:
    right = tmp_path / "right.txt"
    right.write_text("a\nb\n")
    files = [("gone", tmp_path / "gone.txt"), ("a folder", tmp_path), ("right", right)]
    unreadable: text_lines.Unreadable = {}
    rows = text_lines.read_lines(files, "utf-8", unreadable).read_all().to_pylist()
    assert [(row["batch_id"], row["line"]) for row in rows] == [("right", "a"), ("right", "b")]
    assert {batch_id: error.cause for batch_id, error in unreadable.items()} == {
        "gone": "it cannot be read: No such file or directory",
        "a folder": "it cannot be read: Is a directory",
    }
