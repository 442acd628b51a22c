"""Makes a home folder usable: its folders, Dagster's instance file, dbt's manifest, a sources file to start from."""

import os
from datetime import UTC, datetime

from pipelines.publishing.dbt_project import ensure_manifest
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.sources.configuration import Company
from pipelines.sources.sources_file import load_sources_file

TEMPLATE = PROJECT_ROOT / "dbt_project" / "docs" / "sources_template.yml"


def prepare(settings: Settings) -> None:
    """Make what is missing, and have this process and its children find this home. May be called at any time.

    Raises BuildError where the dbt project does not parse, SourcesFileError where there is a wrong sources file.
    """
    # One process makes Dagster's folders: two that create an empty instance at once corrupt it.
    for folder in (settings.home, settings.inbox, settings.archive, settings.published, settings.dagster_home):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    settings.scratch.mkdir(exist_ok=True, mode=0o700)
    instance_file = settings.dagster_home / "dagster.yaml"
    content = (PROJECT_ROOT / "dagster.yaml").read_text(encoding="utf-8")
    if not instance_file.exists() or instance_file.read_text(encoding="utf-8") != content:
        instance_file.write_text(content, encoding="utf-8")
    os.environ.update(settings.child_environment())
    company = load_sources_file(settings.sources_file).company if settings.sources_file.exists() else Company()
    ensure_manifest(settings, company)


def write_sources_template(settings: Settings) -> bool:
    """Put the annotated template where the sources file is missing; tells whether it did."""
    if settings.sources_file.exists():
        return False
    settings.home.mkdir(parents=True, exist_ok=True, mode=0o700)
    text = TEMPLATE.read_text(encoding="utf-8").replace("2024-01-01", f"{datetime.now(UTC):%Y-%m-%d}")
    settings.sources_file.parent.mkdir(parents=True, exist_ok=True)
    settings.sources_file.write_text(text, encoding="utf-8")
    return True
