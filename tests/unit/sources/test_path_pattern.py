"""Which files a path pattern finds, and what it reads from their names."""

import re
from datetime import date
from pathlib import Path

import pytest

from pipelines.sources.path_pattern import PathPattern


def found(pattern: str, folder: Path) -> list[tuple[str, date | None, str]]:
    return [(path.relative_to(folder).as_posix(), day, part) for path, day, part in PathPattern(pattern).files(folder)]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    names = [
        "a_20240101.csv",
        "a_20240102.csv",
        "a_20241301.csv",
        "a_2024.csv",
        "A_20240103.csv",
        "a_20240101.csv.part",
        "b_2024-01-01_east.csv",
        "b_2024-01-01_west_1.csv",
        "b_2024-01-01_.csv",
        "[x]_20240101.csv",
        "sub/a_20240105.csv",
        "plain.csv",
    ]
    for name in names:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "a_20240109.csv").mkdir()
    return tmp_path


def test_a_date_is_read_from_the_name_and_names_without_one_are_passed_over(folder: Path) -> None:
    assert found("a_{date:%Y%m%d}.csv", folder) == [
        ("a_20240101.csv", date(2024, 1, 1), ""),
        ("a_20240102.csv", date(2024, 1, 2), ""),
    ]


def test_without_a_format_a_date_is_iso_and_a_part_is_what_stands_in_its_place(folder: Path) -> None:
    assert found("b_{date}_{part}.csv", folder) == [
        ("b_2024-01-01_east.csv", date(2024, 1, 1), "east"),
        ("b_2024-01-01_west_1.csv", date(2024, 1, 1), "west_1"),
    ]


def test_characters_that_mean_something_to_globs_stand_for_themselves(folder: Path) -> None:
    assert [name for name, _, _ in found("[x]_{date:%Y%m%d}.csv", folder)] == ["[x]_20240101.csv"]


def test_a_plain_path_is_one_file_without_a_date(folder: Path) -> None:
    assert found("plain.csv", folder) == [("plain.csv", None, "")]
    assert found("absent.csv", folder) == []
    assert not PathPattern("plain.csv").has_date


@pytest.mark.parametrize(
    ("pattern", "cause"),
    [
        ("{day}.csv", "unknown place {day}; known are"),
        ("{date:%Y%m%d}_{date:%Y%m%d}.csv", "appears twice"),
        ("{part}_{part}.csv", "appears twice"),
        ("{date:%Y%m}.csv", "does not give year, month and day"),
        ("sub/2024/01/{date:%d}.csv", "does not give year, month and day"),
        ("{date:%d.%m.}.csv", "does not give year, month and day"),
    ],
)
def test_a_pattern_that_cannot_work_says_why(pattern: str, cause: str) -> None:
    with pytest.raises(ValueError, match=re.escape(cause)):
        PathPattern(pattern)


def test_a_pattern_knows_the_files_that_it_could_have_found(folder: Path) -> None:
    pattern = PathPattern("a_{date:%Y%m%d}.csv")
    assert pattern.fits(folder / "a_20300101.csv", folder)
    assert not pattern.fits(folder / "b_20300101.csv", folder)
    assert PathPattern(f"{folder}/a_{{date:%Y%m%d}}.csv").fits(folder / "a_20300101.csv", Path("/"))


def test_a_file_of_an_installed_package_is_found_without_importing_it() -> None:
    ((path, day, part),) = PathPattern("python-package:duckdb/duckdb/__init__.py").files(Path())
    assert (path.name, day, part) == ("__init__.py", None, "")
    assert list(PathPattern("python-package:no-such-package/data.csv").files(Path())) == []
    assert list(PathPattern("python-package:duckdb/no/such/file.csv").files(Path())) == []
