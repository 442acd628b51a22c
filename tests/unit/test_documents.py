"""What the documents say of commands, settings and each other is so."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from pipelines.commands.main import COMMANDS as CALLED
from pipelines.commands.main import command_called
from pipelines.errors import EXIT_CODE_MEANINGS
from pipelines.settings import PROJECT_ROOT

DOCS = PROJECT_ROOT / "dbt_project" / "docs"
README = (PROJECT_ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = (DOCS / "commands.md").read_text(encoding="utf-8")


def tracked(*patterns: str) -> list[Path]:
    """The files of the repository, those that are not committed yet included."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *patterns]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip("this is no clone of the repository: git cannot list its files")
    return [path for name in done.stdout.splitlines() if (path := PROJECT_ROOT / name).exists()]


def leaves(command: click.Command, name: str) -> Iterator[str]:
    """The full names of all commands under `command` that do something."""
    if not (inner := getattr(command, "commands", None)):
        yield name
        return
    for word, each in inner.items():
        yield from leaves(each, f"{name} {word}")


def decisions(text: str) -> list[tuple[str, str]]:
    """The headlines in a text of decisions, and what stands under each."""
    found = re.findall(r"^- \*\*(.+?)\.\*\* (.+?)(?=^- |^#|\Z)", text, re.DOTALL | re.MULTILINE)
    return [(" ".join(headline.split()), " ".join(body.split())) for headline, body in found]


def sentences(text: str) -> int:
    """How many sentences there are in `text`."""
    return len(re.findall(r"[.?!](?= |$)", re.sub("`[^`]*`", "", text.replace("art. 50", "art 50"))))


def headlines() -> list[str]:
    return [headline for headline, _ in decisions((PROJECT_ROOT / "DECISIONS.md").read_text(encoding="utf-8"))]


def anchor(heading: str) -> str:
    """The name under which a heading is linked."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def test_the_page_of_commands_has_each_command_and_no_other():
    written = re.findall(r"^\| `(crmdw [a-z -]+)` \|", COMMANDS, re.MULTILINE)
    assert sorted(written) == sorted(leaf for name in CALLED for leaf in leaves(command_called(name), f"crmdw {name}"))


def test_the_page_of_commands_has_each_exit_code_with_its_meaning():
    written = re.findall(r"^\| ([0-9]+) \| (.+) \|$", COMMANDS, re.MULTILINE)
    assert written == [(str(code.value), meaning) for code, meaning in EXIT_CODE_MEANINGS.items()]


def test_the_page_of_commands_has_each_variable_that_is_read():
    read = (PROJECT_ROOT / "pipelines" / "settings.py").read_text(encoding="utf-8")
    written = re.findall(r"^\| `(CRMDW_\w+)` \|", COMMANDS, re.MULTILINE)
    assert sorted(written) == sorted(set(re.findall(r"CRMDW_[A-Z_]+", read)))


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md"])
def test_each_make_target_that_is_named_is_there(page):
    targets = re.findall(r"^([a-z-]+):", (PROJECT_ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    text = (PROJECT_ROOT / page).read_text(encoding="utf-8")
    named = set(re.findall(r"(?:^    |`)make ([a-z-]+)", text, re.MULTILINE))
    assert {"test"} <= named <= set(targets)


def test_each_place_that_the_readme_names_is_there():
    _, table = README.split("## Where does X live")
    rows = re.findall(r"^\| (.+) \| (.+) \|$", table, re.MULTILINE)
    places = [place for _, cell in rows for place in re.findall(r"`([^`]*/[^`]*)`", cell)]
    assert len(places) > 20
    assert [place for place in places if not any(PROJECT_ROOT.glob(re.sub("<[a-z_]+>", "*", place)))] == []


def test_the_readmes_stack_has_each_room_of_the_house():
    _, stack = README.split("`pipelines/` is a stack")
    lines = [re.split(" {3,}", line)[0].split() for line in re.findall("^    (.+)$", stack, re.MULTILINE)]
    house = PROJECT_ROOT / "pipelines"
    rooms = {path.stem for path in house.iterdir() if (path / "__init__.py").exists() or path.suffix == ".py"}
    assert sorted(room.removesuffix(".py") for line in lines for room in line) == sorted(rooms - {"__init__"})


def test_each_link_between_documents_leads_somewhere():
    lost = []
    for page in tracked("*.md"):
        text = page.read_text(encoding="utf-8")
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match("[a-z]+:", target):
                continue
            name, _, place = target.partition("#")
            file = (page.parent / name).resolve() if name else page
            if not file.exists():
                lost.append(f"{page.name}: {target}")
            elif place:
                headings = re.findall(r"^#+ (.+)$", file.read_text(encoding="utf-8"), re.MULTILINE)
                lost += [] if place in map(anchor, headings) else [f"{page.name}: {target}"]
    assert lost == []


def test_a_decision_is_a_headline_and_two_sentences():
    found = decisions((PROJECT_ROOT / "DECISIONS.md").read_text(encoding="utf-8"))
    assert len(found) > 60
    assert [headline for headline, body in found if sentences(body) != 2] == []
    assert len(set(headlines())) == len(found)


def test_a_page_of_decisions_has_headlines_of_the_list_alone():
    written = {
        heading
        for page in (DOCS / "decisions").glob("*.md")
        for heading in re.findall(r"^## (.+)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    }
    assert written
    assert written - set(headlines()) == set()


def test_a_decision_is_cited_by_its_headline():
    cited = []
    for path in tracked("*.py", "*.sql", "*.yml", "*.yaml", "*.toml", "*.md", "Makefile"):
        text = path.read_text(encoding="utf-8")
        by_number = re.findall(r"DECISIONS(?:\.md)?[,:]? ?[0-9]+|\bdecision [0-9]+", text)
        by_headline = re.findall(r'DECISIONS\.md: "([^"]+)"', text)
        cited += [f"{path.name}: {found}" for found in by_number]
        cited += [f"{path.name}: {found}" for found in by_headline if " ".join(found.split()) not in headlines()]
    assert cited == []
