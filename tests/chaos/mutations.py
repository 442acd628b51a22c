"""What becomes of files on their way: damage to a table, to its lines, or to the bytes that are delivered."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .formats import Format, Table

AMOUNT, INSTANT, CUSTOMER = "거래금액", "거래일시", "고객번호"


@dataclass(frozen=True)
class Mutation:
    """One kind of damage. `keeps_values`: a row that is loaded all the same has the values that it was sent with."""

    name: str
    table: Callable[[Random, Table], Table] | None = None
    lines: Callable[[Random, list[bytes]], list[bytes]] | None = None
    content: Callable[[Random, bytes], bytes] | None = None
    keeps_values: bool = True
    needs_names: bool = False
    only: tuple[str, ...] = ()

    def fits(self, form: Format) -> bool:
        """Whether files of the format can be damaged so."""
        if self.only and form.name not in self.only:
            return False
        return (form.is_text or not self.lines) and (form.names_columns or not self.needs_names)

    def applied(self, random: Random, form: Format, table: Table) -> bytes:
        """The delivered bytes of `table`, damaged."""
        content = form.render(self.table(random, table) if self.table else table)
        if self.lines:
            content = b"\n".join(self.lines(random, content.split(b"\n")))
        content = form.packed(content)
        return self.content(random, content) if self.content else content


def _reordered(random: Random, table: Table) -> Table:
    order = random.sample(range(len(table.header)), len(table.header))
    return Table([table.header[at] for at in order], [[row[at] for at in order] for row in table.rows])


def _renamed(random: Random, table: Table) -> Table:
    header = list(table.header)
    at = random.randrange(len(header))
    header[at] = random.choice([header[at] + "2", "", header[at - 1], header[at].lower() + " ", "batch_id"])
    return Table(header, table.rows)


def _dropped(random: Random, table: Table) -> Table:
    at = random.randrange(len(table.header))
    return Table(_without(table.header, at), [_without(row, at) for row in table.rows])


def _without(row: list[str], at: int) -> list[str]:
    return row[:at] + row[at + 1 :]


def _added(random: Random, table: Table) -> Table:
    at = random.randrange(len(table.header) + 1)
    name = random.choice(["새 열", "row_number", "_record", "source_system"])
    return Table(_with(table.header, at, name), [_with(row, at, "새 값") for row in table.rows])


def _with(row: list[str], at: int, value: str) -> list[str]:
    return [*row[:at], value, *row[at:]]


def _rows_doubled(random: Random, table: Table) -> Table:
    return Table(table.header, [*table.rows, *random.choices(table.rows, k=random.randint(1, 30))])


def _no_rows(random: Random, table: Table) -> Table:
    return Table(table.header, [])


def _replaced(column: str, values: list[str]) -> Callable[[Random, Table], Table]:
    """Some rows have one of `values` in `column`."""

    def mutate(random: Random, table: Table) -> Table:
        at = table.header.index(column)
        chosen = set(random.sample(range(len(table.rows)), random.choice([1, 2, 5])))
        rows = [
            [*row[:at], random.choice(values), *row[at + 1 :]] if number in chosen else row
            for number, row in enumerate(table.rows)
        ]
        return Table(table.header, rows)

    return mutate


_NO_NUMBERS = [
    "１２００",
    "٣٤",
    "1e5",
    "NaN",
    "-Infinity",
    "1 000",
    "0x1F",
    "--5",
    "5-",
    "九",
    "1.005",
    "9" * 17,
    "₩100",
    "½",
    "1_0",
]
_NO_INSTANTS = [
    "2024-13-45 00:00:00",
    "2024-02-30 10:00:00",
    "2024-01-10 25:61:61",
    "0000-00-00 00:00:00",
    "9999-12-31 23:59:59",
    "1899-12-31 00:00:00",
    "20240110100000",
    "-2024-01-10 10:00:00",
    "２０２４-01-10 10:00:00",
    "1704848400",
    "45301.5",
]


def _one_line(change: Callable[[Random, bytes], bytes], first: int = 1) -> Callable[[Random, list[bytes]], list[bytes]]:
    """One or two lines are changed, the header not."""

    def mutate(random: Random, lines: list[bytes]) -> list[bytes]:
        for _ in range(random.choice([1, 1, 2])):
            at = random.randrange(first, max(len(lines) - 1, first + 1))
            lines = [*lines[:at], change(random, lines[at]), *lines[at + 1 :]]
        return lines

    return mutate


def _cut(random: Random, line: bytes) -> bytes:
    # Not within the line's last column, which tells that the line is whole.
    return line[: random.randrange(1, max(len(line.rstrip()) - 1, 2))]


def _inserted(random: Random, line: bytes, what: bytes) -> bytes:
    at = random.randrange(len(line) + 1)
    return line[:at] + what + line[at:]


def _quoted(random: Random, line: bytes) -> bytes:
    """A quote where a field begins."""
    starts = [0, *(at + 1 for at, byte in enumerate(line) if byte in b",\t")]
    at = random.choice(starts)
    return line[:at] + b'"' + line[at:]


def _delimiters_changed(random: Random, lines: list[bytes]) -> list[bytes]:
    delimiter = b"\t" if b"\t" in lines[0] else b","
    other = random.choice([b";", b"|", b"\t", b", "])
    if other == delimiter:
        other = b";"
    if random.random() < 0.5:
        return [line.replace(delimiter, other) for line in lines]
    return _one_line(lambda _, line: line.replace(delimiter, other, random.choice([1, -1])))(random, lines)


def _other_codec(random: Random, line: bytes) -> bytes:
    for codec in ("utf-8", "cp949"):
        try:
            text = line.decode(codec)
        except UnicodeDecodeError:
            continue
        return text.encode(random.choice(["utf-16-le", "cp949" if codec == "utf-8" else "utf-8"]))
    return line


def _huge_field(random: Random, lines: list[bytes]) -> list[bytes]:
    return _one_line(lambda chance, line: _inserted(chance, line, b"x" * (3 << 20)))(random, lines)


def _lines_doubled(random: Random, lines: list[bytes]) -> list[bytes]:
    at = random.randrange(1, max(len(lines) - 1, 2))
    return [*lines[:at], *lines[at : at + random.randint(1, 20)], *lines[at:]]


def _lines_lost(random: Random, lines: list[bytes]) -> list[bytes]:
    at = random.randrange(max(len(lines) - 1, 1))
    return lines[:at] + lines[at + random.randint(1, 5) :]


def _line_ends_changed(random: Random, lines: list[bytes]) -> list[bytes]:
    end = random.choice([b"", b"\r", b"\r\r", b"\x0b", b"\xc2\x85"])
    return [line.rstrip(b"\r") + end for line in lines]


def _nesting_broken(random: Random, line: bytes) -> bytes:
    text = line.strip()
    return random.choice(
        [
            text[:-1],
            text + b"}",
            b"[" * 100_000 + text,
            b'{"a":' * 50_000 + text + b"}" * 50_000,
            b"[" + text + b"]",
            text.replace(b": {", b": [{", 1),
            b'{"\xea\xb1\xb0\xeb\x9e\x98": "gone"}',
            b'{"\xea\xb1\xb0\xeb\x9e\x98": {"\xea\xb3\xa0\xea\xb0\x9d\xeb\xb2\x88\xed\x98\xb8": {"x": [1]}}}',
            text + text,
        ]
    )


def _bytes_flipped(random: Random, content: bytes) -> bytes:
    damaged = bytearray(content)
    for _ in range(random.choice([1, 3, 20])):
        if damaged:
            damaged[random.randrange(len(damaged))] ^= 1 << random.randrange(8)
    return bytes(damaged)


def _truncated(random: Random, content: bytes) -> bytes:
    return content[: random.randrange(len(content) + 1)]


def _head_damaged(random: Random, content: bytes) -> bytes:
    size = min(len(content), 30)
    return random.randbytes(size) + content[size:]


def _tail_damaged(random: Random, content: bytes) -> bytes:
    size = min(len(content), 40)
    return content[:-size] + random.randbytes(size)


def _garbage(random: Random, content: bytes) -> bytes:
    return random.choice(
        [b"\x89PNG\r\n\x1a\n", b"PK\x03\x04", b"\x1f\x8b\x08", b"PAR1", b"SQLite format 3\x00", b""]
    ) + (random.randbytes(random.choice([10, 5000])))


def _joined(random: Random, content: bytes) -> bytes:
    return content + content


MUTATIONS = [
    Mutation("columns re-ordered", table=_reordered, needs_names=True),
    Mutation("a column renamed", table=_renamed, needs_names=True),
    Mutation("a column dropped", table=_dropped, needs_names=True),
    Mutation("a column added", table=_added, needs_names=True),
    Mutation("rows doubled", table=_rows_doubled),
    Mutation("no rows", table=_no_rows),
    Mutation("numbers with weird digits", table=_replaced(AMOUNT, _NO_NUMBERS)),
    Mutation("dates out of range", table=_replaced(INSTANT, _NO_INSTANTS)),
    Mutation("an empty key", table=_replaced("거래번호", ["", " ", "\u3000"])),
    Mutation("lines cut", lines=_one_line(_cut)),
    Mutation("lines doubled", lines=_lines_doubled),
    Mutation("lines lost", lines=_lines_lost),
    Mutation("line ends changed", lines=_line_ends_changed),
    Mutation("delimiters changed", lines=_delimiters_changed, needs_names=True),
    Mutation("codecs mixed", lines=_one_line(_other_codec), keeps_values=False),
    Mutation("a quote opened", lines=_one_line(_quoted), needs_names=True),
    Mutation("a huge field", lines=_huge_field, keeps_values=False),
    Mutation("NUL bytes", lines=_one_line(lambda chance, line: _inserted(chance, line, b"\0")), keeps_values=False),
    Mutation("nesting broken", lines=_one_line(_nesting_broken), only=("json_lines",)),
    Mutation("bytes flipped", content=_bytes_flipped, keeps_values=False),
    Mutation("truncated", content=_truncated),
    Mutation("head damaged", content=_head_damaged, keeps_values=False),
    Mutation("tail damaged", content=_tail_damaged, keeps_values=False),
    Mutation("empty", content=lambda random, content: b""),
    Mutation("binary garbage", content=_garbage, keeps_values=False),
    Mutation("the file twice in one", content=_joined),
]
