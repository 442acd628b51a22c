"""Reads and checks the sources file, before a single source is opened; every error names file, line and remedy."""

import difflib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from pipelines.contracts import DeliveryTerms, Feed, feeds
from pipelines.errors import SourcesFileError
from pipelines.sources.configuration import FORMAT_WORDS, Company, Mapping, Source, SourcesFile
from pipelines.sources.path_pattern import PathPattern

Location = tuple[str | int, ...]


def load_sources_file(path: Path) -> SourcesFile:
    """The sources file at `path`, checked whole.

    Raises SourcesFileError with one line per fault, each `file:line: cause`, and a remedy.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise SourcesFileError(
            f"{path}: there is no sources file",
            "write one (see `crmdw init`, which puts an annotated template there), or name it with --sources",
        ) from error
    except UnicodeDecodeError as error:
        raise SourcesFileError(f"{path}: byte {error.start} is not UTF-8", "save the file as UTF-8") from error
    except OSError as error:
        raise SourcesFileError(f"{path}: cannot be read: {error.strerror}", "name a file that you may read") from error
    return _checked(path, text)


_READ_AS_TYPES = {first: yaml.SafeLoader.yaml_implicit_resolvers[first] for first in ("", "<")}


# Parsing in C, where it is there, takes a tenth of the time: a run that finds nothing new parses this file too.
class _TextLoader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
    """Reads every scalar as text, so that the code `no` stays `no`; what is a date or a number says the model.

    Left are the empty value, which is None, and the merge key `<<`.
    """

    yaml_implicit_resolvers = _READ_AS_TYPES


# A run asks for it once per asset, and reading YAML takes a tenth of a second.
@lru_cache(maxsize=4)
def _checked(path: Path, text: str) -> SourcesFile:
    lines, content = _parsed_yaml(path, text)
    if not isinstance(content, dict):
        raise SourcesFileError(f"{path}:1: the file must be a mapping", "start it with `version: 1`")
    try:
        parsed = SourcesFile.model_validate({**content, "folder": path.parent})
    except ValidationError as error:
        faults = [(tuple(fault["loc"]), fault["msg"].removeprefix("Value error, ")) for fault in error.errors()]
        raise _faulty(path, lines, [(where, _with_suggestion(where, message)) for where, message in faults]) from None
    if faults := list(_faults_against_contracts(parsed)):
        raise _faulty(path, lines, faults)
    return parsed


def _parsed_yaml(path: Path, text: str) -> tuple[dict[Location, int], Any]:
    """The line of every location, and the content as dictionaries and lists of text."""
    try:
        loader = _TextLoader(text)
        node = loader.get_single_node()
        doubled = list(_doubled_keys(node))
        lines = dict(_lines(node))
        if not doubled:
            return lines, loader.construct_document(node) if node else None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise SourcesFileError(f"{path}:{line}: not YAML: {error.problem}", "mend the YAML at that line") from error
    except yaml.reader.ReaderError as error:
        # Not by its position, which libyaml counts in bytes.
        line = text.count("\n", 0, text.index(chr(error.character))) + 1
        cause = f"{path}:{line}: not YAML: the character U+{error.character:04X} is not allowed"
        raise SourcesFileError(cause, "remove the character from that line") from error
    except RecursionError as error:
        raise SourcesFileError(f"{path}:1: an alias stands within what it names", "write it out instead") from error
    raise _faulty(path, lines, doubled)


def _doubled_keys(node: yaml.Node | None, location: Location = ()) -> Iterator[tuple[Location, str]]:
    """A fault for every word that a mapping gives twice; YAML itself would silently take the second."""
    if isinstance(node, yaml.MappingNode):
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                raise yaml.constructor.ConstructorError(None, None, "the word before a colon is text", key.start_mark)
            if key.value in first_lines:
                yield (*location, key.value), f"given twice, first in line {first_lines[key.value]}"
            first_lines.setdefault(key.value, key.start_mark.line + 1)
            yield from _doubled_keys(value, (*location, key.value))
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _doubled_keys(item, (*location, position))


def _lines(node: yaml.Node | None, location: Location = ()) -> Iterator[tuple[Location, int]]:
    """Every location of the document with its line, counted from 1."""
    if node is None:
        return
    yield location, node.start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            yield from _lines(value, (*location, key.value))
            yield (*location, key.value), key.start_mark.line + 1
    elif isinstance(node, yaml.SequenceNode):
        for position, item in enumerate(node.value):
            yield from _lines(item, (*location, position))


def _faulty(path: Path, lines: dict[Location, int], faults: list[tuple[Location, str]]) -> SourcesFileError:
    messages = []
    for location, message in faults:
        known = next(location[:end] for end in range(len(location), -1, -1) if location[:end] in lines)
        where = ".".join(str(part) for part in location)
        messages.append((lines[known], f"{path}:{lines[known]}: {where}: {message}"))
    return SourcesFileError(
        "\n".join(message for _, message in sorted(messages)),
        "mend these lines and run `crmdw doctor`; the grammar is in dbt_project/docs/sources_file.md",
    )


def _with_suggestion(location: Location, message: str) -> str:
    if message != "Extra inputs are not permitted":
        return message
    words = {1: SourcesFile.model_fields, 2: Company.model_fields, 3: Source.model_fields}.get(
        len(location), Mapping.model_fields if "columns" in location else DeliveryTerms.model_fields
    )
    return f"unknown word{_nearest(str(location[-1]), [word for word in words if word != 'folder'])}"


def _nearest(word: str, words: list[str]) -> str:
    near = difflib.get_close_matches(word, words, n=1)
    return f"; did you mean {near[0]}?" if near else f"; known are {', '.join(words)}"


def _faults_against_contracts(parsed: SourcesFile) -> Iterator[tuple[Location, str]]:
    slots: dict[tuple[str, str, str], int] = {}
    for position, source in enumerate(parsed.sources):
        here: Location = ("sources", position)
        if source.feed not in feeds():
            yield (*here, "feed"), f"{source.feed!r} is no feed{_nearest(source.feed, list(feeds()))}"
            continue
        same = slots.setdefault((source.feed, source.source_system, source.path), position)
        if same != position:
            yield here, f"the same feed, system and path as source number {same + 1}"
        yield from ((here + tail, message) for tail, message in _source_faults(source))


def _source_faults(source: Source) -> Iterator[tuple[Location, str]]:
    has_date = source.connection is not None or PathPattern(source.path).has_date
    if source.format == "postgresql":
        yield from _database_faults(source)
    elif not source.path:
        yield ("path",), "give the path of the source's files"
    elif has_date == (source.delivery_date is not None):
        yield ("path",), "give the delivery date once: as {date:%Y%m%d} in path, or as delivery_date"
    if has_date and source.start is None and source.terms.cadence in ("daily", "weekdays", "monthly"):
        yield (
            ("path",),
            f"a {source.terms.cadence} feed needs start: its first delivery date, to notice a missing one",
        )
    if source.start and source.until and source.until < source.start:
        yield ("until",), f"until {source.until} is before start {source.start}"
    yield from _format_faults(source)
    yield from _column_faults(source)


def _format_faults(source: Source) -> Iterator[tuple[Location, str]]:
    for word in dict.fromkeys(word for words in FORMAT_WORDS.values() for word in words):
        if word not in FORMAT_WORDS[source.format] and word in source.model_fields_set:
            owners = ", ".join(format for format, words in FORMAT_WORDS.items() if word in words)
            yield (word,), f"{word} is a word of {owners}, not of {source.format}: remove it, or mend format"
    if source.format in ("sqlite", "postgresql") and (source.table is None) == (source.query is None):
        yield ("table",), "give either table (its name) or query (select ...)"
    if source.format == "fixed_width" and "\n".encode(source.text_codec) != b"\n":
        yield ("codec",), f"fixed_width cannot be cut in {source.text_codec}, whose line end is not the byte 10"
    if source.format == "fixed_width" or source.fields:
        yield from _field_faults(source)
    if source.format == "json_lines":
        yield from _path_faults(source)


def _field_faults(source: Source) -> Iterator[tuple[Location, str]]:
    if source.format == "fixed_width" and not isinstance(source.fields, dict):
        yield ("fields",), "fixed_width needs fields: {name: [start, length], ...}, in bytes from 1"
    elif source.format == "csv" and not isinstance(source.fields, list):
        yield ("fields",), "csv needs fields: [name, ...], in the order of the columns"
    fields = list(source.fields or [])
    for both in _alike(fields):
        yield ("fields",), f"{both} are one name: SQL takes upper and lower case for the same"
    for name, mapping in source.columns.items():
        for column in mapping.source_columns:
            if fields and column not in fields:
                yield ("columns", name), f"{column} is none of fields{_nearest(column, fields)}"


def _path_faults(source: Source) -> Iterator[tuple[Location, str]]:
    for name, mapping in source.columns.items():
        for path in mapping.source_columns:
            if not all(path.split(".")):
                yield (
                    ("columns", name),
                    f"{path!r} is no path into JSON; write one such as party.number or items.0.code",
                )
    for both in _alike(source.source_columns):
        yield ("columns",), f"{both} are one name: SQL takes upper and lower case for the same"


def _alike(names: list[str]) -> Iterator[str]:
    """Every two names that are one in SQL."""
    first: dict[str, str] = {}
    for name in names:
        if name.casefold() in first:
            yield f"{first[name.casefold()]} and {name}"
        first[name.casefold()] = name


def _column_faults(source: Source) -> Iterator[tuple[Location, str]]:
    contract = source.contract
    known = [*contract.columns_by_name, *contract.companions]
    for name, mapping in source.columns.items():
        if name not in known:
            yield ("columns", name), f"no column of {contract.name}{_nearest(name, known)}"
        if mapping.look_up:
            yield from _look_up_faults(contract, name, mapping)
        if mapping.hash and name in known:
            yield from _hash_faults(source, name, mapping)
        if mapping.multiply and name in known and not _data_type(contract, name).startswith("decimal"):
            yield ("columns", name), "multiply gives an amount: this column holds none"
        if mapping.row_number and name in known and _data_type(contract, name) != "varchar":
            yield ("columns", name), "row_number gives a key: this column holds none"
    for column in contract.columns:
        if (column.required or column.name in contract.key) and column.name not in source.columns:
            yield ("columns",), f"the required column {column.name} ({column.description}) is not mapped"


def _data_type(contract: Feed, name: str) -> str:
    return contract.raw_columns()[name]


def _database_faults(source: Source) -> Iterator[tuple[Location, str]]:
    if source.path or source.delivery_date:
        yield ("path" if source.path else "delivery_date",), "a database has none: its deliveries are its days"
    if source.connection is None:
        yield ("connection",), "give the name of the environment variable that holds the database's URI"
    if (source.table is None) == (source.query is None):
        yield ("table",), "give either table (schema.table) or query"
    if source.watermark and source.start is None:
        yield ("watermark",), "a watermark needs start: the first day whose rows are read"


def _hash_faults(source: Source, name: str, mapping: Mapping) -> Iterator[tuple[Location, str]]:
    here = ("columns", name)
    if source.contract.kind_of(name) != "key" or name in source.contract.companions:
        yield here, "hash: keyed is of a key; numbers in other columns are masked"
    for other, its_mapping in source.columns.items():
        if mapping.column in its_mapping.source_columns and not its_mapping.hash and not its_mapping.look_up:
            yield here, f"{other} reads {mapping.column} too, and would find the hash: say hash: keyed there as well"


def _look_up_faults(contract: Feed, name: str, mapping: Mapping) -> Iterator[tuple[Location, str]]:
    here = ("columns", name)
    if mapping.look_up not in contract.references:
        yield (
            here,
            f"look_up: {contract.name} has no key into {mapping.look_up!r}; it has into {sorted(contract.references)}",
        )
        return
    other = feeds()[mapping.look_up]
    for column in [*(mapping.match or {}), mapping.take or ""]:
        if column not in other.columns_by_name:
            yield (
                here,
                f"look_up: {column!r} is no column of {other.name}{_nearest(column, list(other.columns_by_name))}",
            )
    if name in contract.key:
        yield here, "look_up: a key must come from the row itself, because what other feeds hold changes"
