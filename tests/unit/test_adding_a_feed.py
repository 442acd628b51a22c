"""A feed is added whole or not at all: whichever of its pieces is left out, a sentence says what to write where.

The pieces are those of "Adding a feed" in dbt_project/docs/contracts.md.
"""

import ast
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from pipelines import contracts
from pipelines.contracts import Feed, feeds
from pipelines.publishing.schemas import published_schemas
from pipelines.settings import PROJECT_ROOT
from pipelines.simulator.deliveries import ALL_LAYOUTS

CASES = "tests/unit/expectations/test_gate_suites.py"
DOCS = "dbt_project/docs/feeds.md"


def missing_pieces(root: Path, simulated: set[str]) -> Iterator[str]:
    """One sentence for each piece of a feed that the project at `root` lacks."""
    suites = {path.stem for path in (root / "expectations").glob("[a-z]*__*.py")}
    suites = {name for name in suites if name.partition("__")[0] not in published_schemas()}
    inner = set(_inner_sources(root))
    models = (path for path in (root / "models" / "staging").rglob("stg_*.sql") if path.parent.name not in inner)
    staged = {path.stem.removeprefix("stg_") for path in models}
    lines = (root / DOCS).read_text(encoding="utf-8").splitlines()
    told = {found[1] for line in lines if (found := re.match(r"(?:\| |- )`(\w+)`", line))}
    known = feeds()
    for name in sorted((suites | staged | told | simulated) - set(known)):
        source, table = name.split("__", 1)
        yield (
            f"{name} has no contract: write a table {table!r} with identifier {name!r} into "
            f"models/staging/{source}/_{source}__sources.yml, or remove what is left of the feed"
        )
    cases, parents = _cases(root), parents_by_model(root)
    for name, feed in known.items():
        if name not in suites:
            yield f'{name} has no suite: write SUITE = gate_suite("{name}", ...) into expectations/{name}.py'
        else:
            yield from _suite_faults(root, name, cases.get(name, set()))
        yield from _staging_faults(root, feed)
        yield from _fills_faults(feed, parents)
        for line in _lines_of(feed):
            if line not in lines:
                yield f"{name} is not told of in {DOCS} as its contract has it: write there the line {line}"
        if name not in simulated:
            yield f"{name} is not simulated: write a Layout and what it delivers into pipelines/simulator"


def _inner_sources(root: Path) -> Iterator[str]:
    """The dbt sources that the pipelines write themselves: they say so by having no table with terms of delivery."""
    for path in (root / "models" / "staging").glob("*/_*__sources.yml"):
        for source in yaml.safe_load(path.read_text(encoding="utf-8"))["sources"]:
            if not any("delivery" in table.get("config", {}).get("meta", {}) for table in source["tables"]):
                yield source["name"]


def _suite_faults(root: Path, name: str, cases: set[str]) -> Iterator[str]:
    """What is wrong with the suite by itself, and the rules of its own without a case."""
    tree = ast.parse((root / "expectations" / f"{name}.py").read_text(encoding="utf-8"))
    calls = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args:
            first = node.args[0]
            calls.setdefault(node.func.id, []).append(first.value if isinstance(first, ast.Constant) else None)
    if calls.get("gate_suite") != [name]:
        yield f'{name} has no suite of its name: write SUITE = gate_suite("{name}", ...) into expectations/{name}.py'
    for rule in calls.get("rows_where", []):
        if rule not in cases:
            yield (
                f"{name} has a rule without a case, “{rule}”: write a row that fails it and the nearest row that "
                f"passes under HAND_WRITTEN[{name!r}] in {CASES}"
            )


def _staging_faults(root: Path, feed: Feed) -> Iterator[str]:
    folder, model = f"models/staging/{feed.source}", f"stg_{feed.name}"
    file, page = root / folder / f"{model}.sql", root / folder / f"_{feed.source}__models.yml"
    if not file.exists():
        yield f"{feed.name} has no staging model: write {folder}/{model}.sql"
        return
    sql = file.read_text(encoding="utf-8")
    if f"source('{feed.source}', '{feed.table}')" not in sql:
        source = f"source('{feed.source}', '{feed.table}')"
        yield f"{feed.name} is not read by its staging model: read {source} in {folder}/{model}.sql"
    models = yaml.safe_load(page.read_text(encoding="utf-8"))["models"] if page.exists() else []
    entry = next((one for one in models if one["name"] == model), None)
    if entry is None:
        yield f"{model} is not documented: write an entry with its columns into {folder}/{page.name}"
        return
    described = {one["name"] for one in entry.get("columns", []) if one.get("description")}
    for column in _final_columns(sql):
        if column not in described:
            yield f"{model}.{column} is not documented: describe the column in {folder}/{page.name}"


def _fills_faults(feed: Feed, parents: dict[str, set[str]]) -> Iterator[str]:
    for model in feed.fills:
        if model not in parents:
            yield (
                f"{feed.name} fills {model}, which is no model: write models/marts/core/{model}.sql, "
                "or correct `fills` in the contract"
            )
        elif f"stg_{feed.name}" not in _ancestors(model, parents):
            yield (
                f"{feed.name} does not reach {model}, which it fills: read ref('stg_{feed.name}') on the way to "
                f"{model}, or correct `fills` in the contract"
            )


def parents_by_model(root: Path) -> dict[str, set[str]]:
    """The models and seeds that each model of the project refers to."""
    files = [path for suffix in ("sql", "py") for path in (root / "models").rglob(f"*.{suffix}")]
    reference = re.compile(r"""\bref\(["'](\w+)["']\)""")
    return {path.stem: set(reference.findall(path.read_text(encoding="utf-8"))) for path in files}


def _ancestors(model: str, parents: dict[str, set[str]]) -> set[str]:
    found: set[str] = set()
    ahead = {model}
    while ahead:
        ahead = {parent for one in ahead for parent in parents.get(one, set())} - found
        found |= ahead
    return found


def _final_columns(sql: str) -> list[str]:
    """The names that the model's last select gives its columns: the last word of each item outside brackets."""
    items, depth = [""], 0
    for letter in sql.split("final as (\n    select", 1)[1].split("\n    from ", 1)[0]:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and not depth:
            items.append("")
        else:
            items[-1] += letter
    return [re.findall(r"\w+", item)[-1] for item in items]


def _cases(root: Path) -> dict[str, set[str]]:
    """The hand-written rules that have cases, by feed."""
    tree = ast.parse((root / CASES).read_text(encoding="utf-8"))
    (cases,) = (
        node.value
        for node in tree.body
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and node.target.id == "HAND_WRITTEN"
    )
    return {feed: {rule for rule, _ in _entries(rules)} for feed, rules in _entries(cases)}


def _entries(node: ast.expr | None) -> Iterator[tuple[str, ast.expr]]:
    assert isinstance(node, ast.Dict), "the cases are written out, so that they can be found by reading"
    for key, value in zip(node.keys, node.values, strict=True):
        assert isinstance(key, ast.Constant)
        yield str(key.value), value


def _lines_of(feed: Feed) -> tuple[str, str]:
    """What the page of feeds says of a feed: its row of the table, and its columns."""
    cells = (
        f"`{feed.name}`",
        feed.description.removeprefix("One row per ").removesuffix("."),
        f"{feed.delivery.cadence.replace('_', ' ')} by {feed.delivery.due:%H:%M}",
        "yes" if feed.delivery.required else "no",
        feed.brings,
        ", ".join(feed.fills),
    )
    columns = ", ".join(f"**{column.name}**" if column.required else column.name for column in feed.columns)
    return f"| {' | '.join(cells)} |", f"- `{feed.name}`: {columns}"


SIMULATED = {layout.feed for layout in ALL_LAYOUTS}


def test_every_feed_is_whole() -> None:
    assert list(missing_pieces(PROJECT_ROOT, SIMULATED)) == []


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project's feeds, from which a piece may be taken."""
    for name in ("models", "expectations", DOCS, CASES):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        copy = shutil.copytree if (PROJECT_ROOT / name).is_dir() else shutil.copy
        copy(PROJECT_ROOT / name, tmp_path / name)
    monkeypatch.setattr(contracts, "PROJECT_ROOT", tmp_path)
    feeds.cache_clear()
    yield tmp_path
    feeds.cache_clear()


def _without(file: str, pattern: str) -> Callable[[Path], None]:
    """Takes what `pattern` matches, exactly once, from a file of the tree."""

    def take(root: Path) -> None:
        text, found = re.subn(pattern, "", (root / file).read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
        assert found == 1
        (root / file).write_text(text, encoding="utf-8")

    return take


def _removed(file: str) -> Callable[[Path], None]:
    return lambda root: (root / file).unlink()


SOURCES = "models/staging/consent/_consent__sources.yml"
ENTRY = r"\n +- name: refusals\n.*?checked_date, data_type[^\n]*\n"
SUITE, STAGING = "expectations/consent__refusals.py", "models/staging/consent/stg_consent__refusals.sql"
PAGE = "models/staging/consent/_consent__models.yml"


@pytest.mark.parametrize(
    ("take", "sentence"),
    [
        (_without(SOURCES, ENTRY), f"has no contract: write a table 'refusals' with identifier.*{SOURCES}"),
        (_removed(SUITE), f"has no suite: write SUITE = gate_suite.*{SUITE}"),
        (_without(SUITE, r'(?<=gate_suite\(\n    )"consent__refusals",'), f"no suite of its name: .*{SUITE}"),
        (
            _without(CASES, r'^    "consent__refusals": \{\n        "a tele.*?^    \},\n'),
            f"a rule without a case, “a telephone number has at least seven digits”: .*HAND_WRITTEN.*{CASES}",
        ),
        (_removed(STAGING), f"has no staging model: write {STAGING}"),
        (_without(STAGING, r"source\('consent', 'refusals'\)"), f"is not read by its staging model: .*{STAGING}"),
        (_without(PAGE, r"^  - name: stg_consent__refusals.*\Z"), f"is not documented: write an entry .*{PAGE}"),
        (
            _without(PAGE, r"      - name: refusal_list_code\n[^\n]*\n"),
            f"refusal_list_code is not documented: .*{PAGE}",
        ),
        (_without(DOCS, r"^\| `consent__refusals`[^\n]*\n"), rf"not told of in {DOCS} .*\| `consent__refusals` \|"),
        (_without(DOCS, r"^- `consent__refusals`[^\n]*\n"), rf"not told of in {DOCS} .*- `consent__refusals`: "),
        (_removed("models/marts/core/fct_refusal_check.sql"), "fills fct_refusal_check, which is no model: write"),
        (
            _without("models/marts/core/fct_refusal_check.sql", r"ref\('stg_consent__refusals'\)"),
            "does not reach fct_refusal_check, which it fills: read ref\\('stg_consent__refusals'\\)",
        ),
    ],
)
def test_a_piece_that_is_left_out_is_named(take: Callable[[Path], None], sentence: str, tree: Path) -> None:
    assert list(missing_pieces(tree, SIMULATED)) == []
    take(tree)
    feeds.cache_clear()
    found = list(missing_pieces(tree, SIMULATED))
    assert found
    assert all("consent__refusals" in one for one in found)
    assert any(re.search(sentence, one) for one in found), found


def test_a_feed_that_nobody_simulates_is_named() -> None:
    (found,) = missing_pieces(PROJECT_ROOT, SIMULATED - {"consent__refusals"})
    assert "consent__refusals is not simulated: write a Layout" in found


def test_a_rule_that_is_added_without_a_case_is_named(tree: Path) -> None:
    suite = tree / SUITE
    suite.write_text(suite.read_text(encoding="utf-8") + 'rows_where("another rule", "true")\n', encoding="utf-8")
    (found,) = missing_pieces(tree, SIMULATED)
    assert "consent__refusals has a rule without a case, “another rule”" in found
