"""Each fault of a sources file names the file, its line and a remedy, before anything is read."""

from datetime import date, time
from pathlib import Path

import pytest

from pipelines.errors import ExitCode, SourcesFileError
from pipelines.sources.configuration import Source, SourcesFile
from pipelines.sources.deliveries import reading_hash
from pipelines.sources.sources_file import load_sources_file

RIGHT = """\
version: 1
company:
  name: 한빛생활
  time_zone: Asia/Seoul
  currency: KRW
sources:
  - feed: branch__customers
    source_system: branch
    path: inbox/customers_{date:%Y%m%d}.csv
    format: csv
    codec: cp949
    start: 2024-01-01
    columns:
      customer_key: 고객번호
      party_type: {column: 구분, values: {1: person, 2: corporation}}
  - feed: campaign__contacts
    source_system: tool
    path: inbox/contacts.parquet
    delivery_date: 2024-01-31
    format: parquet
    columns:
      contact_key: {columns: [campaign, household], separator: "-"}
      campaign_key: campaign
      assignment: {constant: treatment}
      assigned_at: {look_up: campaign__campaigns, match: {campaign_key: campaign}, take: start_date}
"""


def load(tmp_path: Path, text: str) -> SourcesFile:
    path = tmp_path / "sources.yml"
    path.write_text(text, encoding="utf-8")
    return load_sources_file(path)


def test_a_right_file_is_read_whole(tmp_path: Path) -> None:
    read = load(tmp_path, RIGHT)
    assert read.folder == tmp_path
    customers, contacts = read.sources
    assert customers.text_codec == "cp949"
    assert customers.columns["party_type"].values == {"1": "person", "2": "corporation"}
    assert customers.source_columns == ["고객번호", "구분"]
    assert contacts.source_columns == ["campaign", "household"]
    assert contacts.terms.cadence == "once"
    assert customers.terms == customers.contract.delivery


def test_every_value_is_the_text_that_is_written(tmp_path: Path) -> None:
    text = RIGHT.replace("customer_key: 고객번호", "customer_key: no").replace("{1: person", "{no: person, 010: person")
    text = text.replace("{constant: treatment}", "{constant: 0x1F}").replace("[campaign, household]", "[1, true]")
    customers, contacts = load(tmp_path, text).sources
    assert customers.source_columns == ["no", "구분"]
    assert customers.columns["party_type"].values == {"no": "person", "010": "person", "2": "corporation"}
    assert contacts.columns["assignment"].constant == "0x1F"
    assert contacts.columns["contact_key"].columns == ["1", "true"]


def test_terms_are_of_their_types(tmp_path: Path) -> None:
    terms = "    delivery: {cadence: weekdays, due: 04:30, required: no}\n    no_delivery: [2024-05-01]\n    until:\n"
    (customers, _) = load(tmp_path, RIGHT.replace("    codec: cp949\n", terms)).sources
    assert customers.start == date(2024, 1, 1) and customers.until is None
    assert customers.no_delivery == {date(2024, 5, 1)}
    assert (customers.terms.due, customers.terms.required) == (time(4, 30), False)


def test_sources_may_share_columns_by_a_merge_key(tmp_path: Path) -> None:
    text = RIGHT.replace("    columns:\n      customer_key", "    columns: &shared\n      customer_key", 1)
    second = RIGHT[RIGHT.index("  - feed: branch__customers") : RIGHT.index("      customer_key")]
    text += second.replace("system: branch", "system: card") + "      <<: *shared\n      customer_key: 번호\n"
    columns = load(tmp_path, text).sources[2].columns
    assert columns["customer_key"].column == "번호"
    assert columns["party_type"].column == "구분"


FAULTS = {
    # what is wrong: (text, replacement, line, words of the message)
    "an unknown word": ("codec: cp949", "encoding: cp949", 11, ["sources.0.encoding: unknown word"]),
    "a misspelt word": ("format: csv", "fromat: csv", 10, ["unknown word; did you mean format?"]),
    "a misspelt word at the top": ("company:", "compny:", 2, ["unknown word; did you mean company?"]),
    "a misspelt word of a mapping": ("{constant: treat", "{constnt: treat", 24, ["did you mean constant?"]),
    "another version": ("version: 1", "version: 2", 1, ["version: Input should be 1"]),
    "an unknown format": ("format: csv", "format: xml", 10, ["'csv', 'fixed_width', 'json_lines', 'parquet', 'excel'"]),
    "an unknown feed": ("feed: branch__customers", "feed: branch__customer", 7, ["did you mean branch__customers?"]),
    "an unknown codec": ("codec: cp949", "codec: cp9490", 11, ["'cp9490' is no codec of Python", "cp949"]),
    "a bad system name": ("source_system: branch", "source_system: Branch 1", 8, ["source_system"]),
    "a bad time zone": ("Asia/Seoul", "Asia/Soul", 4, ["'Asia/Soul' is no time zone", "Asia/Seoul"]),
    "a bad currency": ("currency: KRW", "currency: won", 5, ["currency"]),
    "a required column is not mapped": (
        "      customer_key: 고객번호\n",
        "",
        13,
        ["the required column customer_key (Customer number of the branch system.) is not mapped"],
    ),
    "an unknown column": (
        "party_type:",
        "party_typ:",
        15,
        ["no column of branch__customers; did you mean party_type?"],
    ),
    "two kinds of mapping": (
        "{constant: treatment}",
        "{constant: treatment, column: x}",
        24,
        ["give exactly one of column, constant, columns, multiply, row_number, look_up; found ['column', 'constant']"],
    ),
    "no kind of mapping": ("{constant: treatment}", '{format: "%Y"}', 24, ["found none"]),
    "a mapping that is none": ("{constant: treatment}", "[x]", 24, ["a mapping is the name of a column, or"]),
    "values without a column": (
        "{constant: treatment}",
        "{constant: treatment, values: {a: b}}",
        24,
        ["values translates the codes of a column"],
    ),
    "a composite of one": ("[campaign, household]", "[campaign]", 22, ["at least 2"]),
    "a look-up without take": (", take: start_date", "", 25, ["a look_up needs match:"]),
    "a look-up without match": ("match: {campaign_key: campaign}, ", "", 25, ["a look_up needs match:"]),
    "a look-up into a feed that no key points to": (
        "look_up: campaign__campaigns",
        "look_up: branch__branches",
        25,
        ["campaign__contacts has no key into 'branch__branches'"],
    ),
    "a look-up that takes an unknown column": (
        "take: start_date",
        "take: started",
        25,
        ["'started' is no column of campaign__campaigns; did you mean start_date?"],
    ),
    "a look-up that matches an unknown column": (
        "{campaign_key: campaign}",
        "{campaign: campaign}",
        25,
        ["'campaign' is no column of campaign__campaigns"],
    ),
    "a look-up for a key": (
        'contact_key: {columns: [campaign, household], separator: "-"}',
        "contact_key: {look_up: campaign__campaigns, match: {campaign_key: campaign}, take: campaign_name}",
        22,
        ["a key must come from the row itself"],
    ),
    "take without look_up": ("{constant: treatment}", "{constant: x, take: y}", 24, ["belong to a look_up"]),
    "no delivery date": ("    delivery_date: 2024-01-31\n", "", 18, ["give the delivery date once"]),
    "two delivery dates": (
        "    start: 2024-01-01\n",
        "    start: 2024-01-01\n    delivery_date: 2024-01-31\n",
        9,
        ["give the delivery date once"],
    ),
    "a missing start": ("    start: 2024-01-01\n", "", 9, ["a daily feed needs start"]),
    "an end before the start": (
        "    start: 2024-01-01\n",
        "    start: 2024-01-01\n    until: 2023-12-31\n",
        13,
        ["until 2023-12-31 is before start 2024-01-01"],
    ),
    "no date": ("start: 2024-01-01", "start: yesterday", 12, ["start"]),
    "a date that never was": ("start: 2024-01-01", "start: 2024-02-30", 12, ["sources.0.start: ", "valid date"]),
    "a date without hyphens": ("start: 2024-01-01", "start: 20240101", 12, ["'20240101' is no date"]),
    "a codec that is not of text": ("codec: cp949", "codec: hex", 11, ["'hex' is no codec"]),
    "a bell": ("codec: cp949", "codec: cp949\a", 11, ["not YAML: the character U+0007 is not allowed"]),
    "a column mapped twice": (
        "      party_type:",
        "      customer_key: 번호\n      party_type:",
        15,
        ["sources.0.columns.customer_key: given twice, first in line 14"],
    ),
    "a code translated twice": (
        "2: corporation",
        "1: corporation",
        15,
        ["columns.party_type.values.1: given twice, first in line 15"],
    ),
    "a word twice": ("    format: csv\n", "    format: csv\n    format: csv\n", 11, ["sources.0.format: given twice"]),
    "a word that is a list": ("customer_key: 고객번호", "[a, b]: 고객번호", 14, ["the word before a colon is text"]),
    "an alias within its own": ("{constant: treatment}", "&a [*a]", 1, ["an alias stands within what it names"]),
    "a column without a name": ("customer_key: 고객번호", 'customer_key: ""', 14, ["at least 1 character"]),
    "no mapping at all": ("customer_key: 고객번호", "customer_key:", 14, ["a mapping is the name of a column, or"]),
    "an unknown place in the path": ("{date:%Y%m%d}", "{day}", 9, ["unknown place {day}"]),
    "a cadence that is none": (
        "    start: 2024-01-01\n",
        "    start: 2024-01-01\n    delivery: {cadence: hourly, due: '04:30', required: true}\n",
        13,
        ["cadence"],
    ),
    "a word of another format": (
        "    format: csv\n",
        "    format: csv\n    sheet: 고객\n",
        11,
        ["sources.0.sheet: sheet is a word of excel, not of csv: remove it, or mend format"],
    ),
    "a table of a file that has none": (
        "    format: parquet\n",
        "    format: parquet\n    table: contacts\n",
        21,
        ["table is a word of sqlite, postgresql, not of parquet"],
    ),
    "a codec of what is no text": (
        "    format: parquet\n",
        "    format: parquet\n    codec: cp949\n",
        21,
        ["codec is a word of csv, fixed_width, json_lines, not of parquet"],
    ),
    "neither table nor query": ("format: parquet", "format: sqlite", 16, ["give either table (its name) or query"]),
    "table and query": (
        "    format: parquet\n",
        "    format: sqlite\n    table: contacts\n    query: select 1\n",
        21,
        ["give either table (its name) or query"],
    ),
    "fixed width without fields": (
        "format: csv",
        "format: fixed_width",
        7,
        ["fixed_width needs fields: {name: [start"],
    ),
    "fixed width with names alone": (
        "format: csv",
        "format: fixed_width\n    fields: [고객번호, 구분]",
        11,
        ["fixed_width needs fields: {name: [start"],
    ),
    "fixed width in a codec of two bytes": (
        "format: csv\n    codec: cp949",
        "format: fixed_width\n    codec: utf-16\n    fields: {고객번호: [1, 8], 구분: [9, 1]}",
        11,
        ["fixed_width cannot be cut in utf-16"],
    ),
    "a field that starts before the line": (
        "format: csv",
        "format: fixed_width\n    fields: {고객번호: [0, 8], 구분: [9, 1]}",
        11,
        ["sources.0.fields: 고객번호: give [start, length] in bytes"],
    ),
    "a field without a length": (
        "format: csv",
        "format: fixed_width\n    fields: {고객번호: [1, 8], 구분: [9]}",
        11,
        ["구분: give [start, length] in bytes"],
    ),
    "fields that are none": ("format: csv", "format: csv\n    fields: 고객번호", 11, ["fields are names in the order"]),
    "fields of CSV with places": (
        "format: csv",
        "format: csv\n    fields: {고객번호: [1, 8], 구분: [9, 1]}",
        11,
        ["csv needs fields: [name, ...]"],
    ),
    "a field twice": (
        "format: csv",
        "format: csv\n    fields: [고객번호, 구분, a, A]",
        11,
        ["a and A are one name"],
    ),
    "a mapped column that is no field": (
        "format: csv",
        "format: csv\n    fields: [고객번, 구분]",
        15,
        ["고객번호 is none of fields; did you mean 고객번?"],
    ),
    "no YAML": ("  name: 한빛생활", "  name: [한빛생활", 4, ["not YAML"]),
    "a tab": ("    format: csv", "\tformat: csv", 10, ["not YAML"]),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_names_file_line_and_remedy(fault: str, tmp_path: Path) -> None:
    text, replacement, line, words = FAULTS[fault]
    assert text in RIGHT
    with pytest.raises(SourcesFileError) as error:
        load(tmp_path, RIGHT.replace(text, replacement, 1))
    assert error.value.exit_code == ExitCode.USAGE
    at_that_line = [
        message
        for message in error.value.cause.splitlines()
        if message.startswith(f"{tmp_path / 'sources.yml'}:{line}: ")
    ]
    assert at_that_line, error.value.cause
    for word in words:
        assert word in at_that_line[0]
    assert error.value.remedy


@pytest.mark.parametrize("column", ["party..number", ".number"])
def test_a_path_that_leads_nowhere_is_a_fault(column: str, tmp_path: Path) -> None:
    text = RIGHT.replace("format: csv", "format: json_lines").replace("고객번호", f"'{column}'")
    with pytest.raises(SourcesFileError, match=r":14: .* is no path into JSON; write one such as party\.number"):
        load(tmp_path, text)


def test_paths_that_differ_in_case_alone_are_a_fault(tmp_path: Path) -> None:
    text = (
        RIGHT.replace("format: csv", "format: json_lines")
        .replace("고객번호", "no")
        .replace("column: 구분", "column: No")
    )
    with pytest.raises(SourcesFileError, match=r":13: sources\.0\.columns: no and No are one name"):
        load(tmp_path, text)


FORMATS = {
    'format: csv\n    delimiter: "\\t"\n    fields: [고객번호, 구분]': {
        "delimiter": "\t",
        "fields": ["고객번호", "구분"],
    },
    "format: fixed_width\n    header_lines: 1\n    fields: {고객번호: [1, 8], 구분: [9, 1]}": {
        "header_lines": 1,
        "fields": {"고객번호": (1, 8), "구분": (9, 1)},
    },
    "format: excel\n    sheet: 고객\n    header_row: 3": {"sheet": "고객", "header_row": 3},
    "format: sqlite\n    table: customers": {"table": "customers"},
    "format: sqlite\n    query: select * from customers": {"query": "select * from customers"},
}


@pytest.mark.parametrize("words", FORMATS, ids=lambda words: words.replace("\n    ", ", "))
def test_each_format_has_its_words_and_changing_one_changes_the_reading(words: str, tmp_path: Path) -> None:
    def read(words: str) -> Source:
        text = RIGHT.replace("    codec: cp949\n", "").replace("format: csv", words)
        return load(tmp_path, text).sources[0]

    source = read(words)
    assert source.model_dump(include=set(FORMATS[words])) == FORMATS[words]
    changes = {"\\t": ";", "[1, 8]": "[1, 7]", "sheet: 고객": "sheet: 법인", "row: 3": "row: 4", "customers": "clients"}
    of_this = [(old, new) for old, new in changes.items() if old in words]
    assert of_this
    for old, new in of_this:
        assert reading_hash(read(words.replace(old, new))) != reading_hash(source)


def test_all_faults_are_told_at_once_in_the_order_of_their_lines(tmp_path: Path) -> None:
    text = RIGHT.replace("format: csv", "format: xml").replace("{constant: treatment}", "[x]").replace("KRW", "won")
    with pytest.raises(SourcesFileError) as error:
        load(tmp_path, text)
    lines = [int(message.split(":")[1]) for message in error.value.cause.splitlines()]
    assert lines == [5, 10, 24]


def test_the_same_source_twice_is_a_fault_of_the_second(tmp_path: Path) -> None:
    text = RIGHT + RIGHT[RIGHT.index("  - feed: campaign__contacts") :]
    with pytest.raises(SourcesFileError, match=r":26: .*the same feed, system and path as source number 2"):
        load(tmp_path, text)


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "version: 1\nsources: []\n", "version: 1\n"])
def test_a_file_that_is_no_sources_file_is_refused(text: str, tmp_path: Path) -> None:
    with pytest.raises(SourcesFileError) as error:
        load(tmp_path, text)
    assert error.value.cause.startswith(f"{tmp_path / 'sources.yml'}:")


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(SourcesFileError, match=r"absent\.yml: there is no sources file") as error:
        load_sources_file(tmp_path / "absent.yml")
    assert "crmdw init" in error.value.remedy


def test_a_file_in_another_codec_says_which_byte(tmp_path: Path) -> None:
    path = tmp_path / "sources.yml"
    path.write_bytes(RIGHT.encode("cp949"))
    with pytest.raises(SourcesFileError, match="is not UTF-8"):
        load_sources_file(path)


def test_a_file_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    with pytest.raises(SourcesFileError, match="cannot be read: Is a directory"):
        load_sources_file(tmp_path)


def test_a_wrong_sources_file_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir(mode=0o000)
    try:
        with pytest.raises(SourcesFileError):
            load(tmp_path, RIGHT.replace("format: csv", "format: xml"))
    finally:
        inbox.chmod(0o700)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["inbox", "sources.yml"]
