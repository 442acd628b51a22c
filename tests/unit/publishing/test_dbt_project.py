"""dbt's manifest is made anew where it was made of other files than the project has now."""

import os
from pathlib import Path

import pytest

from pipelines.publishing import dbt_project
from pipelines.settings import Settings
from pipelines.sources.configuration import Company


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project of one model, whose parsing is counted in the file `parsed`."""
    folder = tmp_path / "project"
    for name in ("models", "seeds", "dbt_project"):
        (folder / name).mkdir(parents=True)
    for name in ("dbt_project.yml", "profiles.yml", "models/a.sql"):
        (folder / name).write_text("select 1")

    def parse(settings: Settings, company: Company, *arguments: str) -> str:
        settings.dbt_target.mkdir(parents=True, exist_ok=True)
        (settings.dbt_target / "manifest.json").write_text("{}")
        with (tmp_path / "parsed").open("a") as parsed:
            parsed.write(".")
        return ""

    monkeypatch.setattr(dbt_project, "PROJECT_ROOT", folder)
    monkeypatch.setattr(dbt_project, "_run_dbt", parse)
    return folder


def test_the_manifest_is_made_anew_where_the_project_is_another(project: Path, tmp_path: Path) -> None:
    settings = Settings(tmp_path / "home", tmp_path / "sources.yml", "1GB", 2, 3)

    def times_parsed() -> int:
        dbt_project.ensure_manifest(settings, Company())
        return len((tmp_path / "parsed").read_text())

    assert [times_parsed(), times_parsed()] == [1, 1]
    (project / "models" / "b.sql").write_text("select 2")
    assert [times_parsed(), times_parsed()] == [2, 2]
    # As old as can be: another checkout, or a file put back.
    (project / "models" / "a.sql").write_text("select 3")
    os.utime(project / "models" / "a.sql", (0, 0))
    assert [times_parsed(), times_parsed()] == [3, 3]
    (project / "models" / "b.sql").unlink()
    assert [times_parsed(), times_parsed()] == [4, 4]
    # Made by a version that said nothing of it.
    (settings.dbt_target / dbt_project.MADE_OF).unlink()
    assert [times_parsed(), times_parsed()] == [5, 5]
