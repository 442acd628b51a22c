"""Records that Arrow splits are what they would be if every line had been looked at, whatever else is in the file."""

from pathlib import Path

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.sources.split_records import field_names, read_records

LINES = st.lists(
    st.one_of(
        st.lists(st.text("가나ab 1.\t\x00\x85\u2028", max_size=4), min_size=2, max_size=4).map(",".join),
        st.sampled_from(["", " ", '"a,b",c,d', 'a"b,c,d', "a\rb,c,d", ",,", "a,b", "a,b,c,d", '"open,b,c']),
    ),
    max_size=12,
)


def records(path: Path, header_lines: int = 1) -> list[tuple]:
    """(row_number, line, fields) of every line of a file, in order, the lines that Arrow did not split split here."""
    with duckdb.connect() as connection:
        stream = read_records([("batch", path)], "utf-8", ",", 3, header_lines, {}, set())
        connection.register("records", stream)
        rows = connection.execute(f"select row_number, line, {', '.join(field_names(3))} from records").fetchall()
    found = []
    for row_number, line, *fields in rows:
        whole = line if line is not None else ",".join(fields)
        found.append((row_number, whole, whole.split(",") if line is None or '"' not in line else None))
    return sorted(found, key=lambda row: row[0])


@pytest.mark.parametrize("end", ["\n", "\r\n"])
@given(lines=LINES, ends_with_line_end=st.booleans())
def test_every_line_after_the_header_comes_once_with_its_number(
    tmp_path_factory: pytest.TempPathFactory, end: str, lines: list[str], ends_with_line_end: bool
) -> None:
    path = tmp_path_factory.mktemp("file") / "file.csv"
    path.write_bytes((end.join(["a,b,c", *lines]) + (end if ends_with_line_end else "")).encode())
    expected = [(number, line) for number, line in enumerate(lines, 2)]
    if expected and not ends_with_line_end and expected[-1][1] == "":
        expected.pop()
    found = [(row_number, line) for row_number, line, _ in records(path)]
    assert [row for row in found if row[1]] == [row for row in expected if row[1]]
    assert set(found) <= set(expected)


def test_only_odd_lines_are_left_whole_and_numbers_go_on_across_pieces(tmp_path: Path) -> None:
    path = tmp_path / "file.csv"
    many = 600_000  # more than one piece
    path.write_text("a,b,c\n" + "Kim Eun,2,3456\n" * many + "1,2\n" + "1,2,3\n", encoding="utf-8")
    assert path.stat().st_size > 8 << 20
    with duckdb.connect() as connection:
        connection.register("records", read_records([("batch", path)], "utf-8", ",", 3, 1, {}, set()))
        found = connection.execute(
            "select count(*), count(distinct row_number), min(row_number), max(row_number), "
            "list({'row_number': row_number, 'line': line}) filter (line is not null) from records"
        ).fetchone()
    assert found == (many + 2, many + 2, 2, many + 3, [{"row_number": many + 2, "line": "1,2"}])


def test_the_files_in_which_something_could_not_be_decoded_are_named(tmp_path: Path) -> None:
    contents = {"ascii": b"a,b,c\n1,2,3", "hangul": "a,b,c\n가,2,3".encode(), "broken": b"a,b,c\n1,\xff,3\n"}
    for name, content in contents.items():
        (tmp_path / name).write_bytes(content)
    undecodable: set[str] = set()
    files = [(name, tmp_path / name) for name in contents]
    found = read_records(files, "utf-8", ",", 3, 1, {}, undecodable).read_all()
    assert undecodable == {"broken"}
    assert found.column("field_2").to_pylist() == ["2", "2", "\ufffd"]
