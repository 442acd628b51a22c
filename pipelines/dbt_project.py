"""The dbt project as the pipelines run it: where its manifest lies, and which executable builds it."""

import os
import subprocess
import sys
from pathlib import Path

from pipelines.errors import BuildError
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.sources.configuration import Company

DBT_EXECUTABLE = Path(sys.executable).parent / "dbt"
_INPUTS = ("dbt_project.yml", "profiles.yml", "models", "seeds", "dbt_project")


def dbt_environment(settings: Settings, company: Company) -> dict[str, str]:
    """The environment in which dbt finds this home and the company's zone and currency."""
    return {
        **settings.child_environment(),
        "CRMDW_TIME_ZONE": company.time_zone,
        "CRMDW_CURRENCY": company.currency,
        "DBT_LOG_PATH": str(settings.dbt_target / "logs"),
        "DBT_TARGET_PATH": str(settings.dbt_target),
    }


def ensure_manifest(settings: Settings, company: Company) -> Path:
    """The path of dbt's manifest, made anew where a file of the project is newer.

    Raises BuildError with dbt's own message where the project does not parse.
    """
    manifest = settings.dbt_target / "manifest.json"
    if manifest.exists() and manifest.stat().st_mtime > _newest_input():
        return manifest
    settings.dbt_target.mkdir(parents=True, exist_ok=True)
    command = [str(DBT_EXECUTABLE), "--quiet", "parse", "--no-partial-parse"]
    command += ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    done = subprocess.run(
        command,
        env={**os.environ, **dbt_environment(settings, company)},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    if done.returncode:
        raise BuildError(f"the dbt project does not parse:\n{done.stdout}{done.stderr}", "mend the model named above")
    return manifest


def _newest_input() -> float:
    paths = [PROJECT_ROOT / name for name in _INPUTS]
    files = [file for path in paths for file in (path.rglob("*") if path.is_dir() else [path])]
    return max(file.stat().st_mtime for file in files)
