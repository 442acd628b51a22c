"""The dbt project as the pipelines run it: where its manifest lies, and which executable builds it."""

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from pipelines.errors import BuildError
from pipelines.settings import PROJECT_ROOT, Settings
from pipelines.sources.configuration import Company

DBT_EXECUTABLE = Path(sys.executable).parent / "crmdw-dbt"
BUILD = ["build", "--exclude-resource-type", "unit_test"]
"""What dbt is asked for: all but the unit tests, which prove the code on one zone; `make test` runs them."""

MADE_OF = "manifest_made_of.md5"
"""The file beside the manifest that says which files of the project it was made of."""

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
    """The path of dbt's manifest, made anew where it was made of other files than the project has now.

    Raises BuildError with dbt's own message where the project does not parse.
    """
    manifest, made_of = settings.dbt_target / "manifest.json", settings.dbt_target / MADE_OF
    inputs = _inputs_hash()
    if manifest.exists() and made_of.exists() and made_of.read_text(encoding="utf-8") == inputs:
        return manifest
    if fault := _run_dbt(settings, company, "parse", "--no-partial-parse"):
        raise BuildError(f"the dbt project does not parse:\n{fault}", "mend the model named above")
    made_of.write_text(inputs, encoding="utf-8")
    return manifest


def build_models(settings: Settings, company: Company) -> None:
    """Build and test all models in the warehouse of a home, outside Dagster.

    Raises BuildError with dbt's own message.
    """
    if fault := _run_dbt(settings, company, *BUILD):
        raise BuildError(f"dbt could not build the models:\n{fault}", "mend what is named above")


def _run_dbt(settings: Settings, company: Company, *arguments: str) -> str:
    """Run a dbt command on a home; what it says where it fails, and nothing where it does not."""
    settings.dbt_target.mkdir(parents=True, exist_ok=True)
    command = [str(DBT_EXECUTABLE), "--quiet", "--no-use-colors", *arguments]
    command += ["--project-dir", str(PROJECT_ROOT), "--profiles-dir", str(PROJECT_ROOT)]
    done = subprocess.run(
        command,
        env={**os.environ, **dbt_environment(settings, company)},
        capture_output=True,
        text=True,
        check=False,
        cwd=PROJECT_ROOT,
    )
    return (done.stdout + done.stderr).strip() or f"exit code {done.returncode}" if done.returncode else ""


def _inputs_hash() -> str:
    """A hash of the names, sizes and times of all files that dbt reads.

    That none is newer than the manifest would not do: another version of the project may have made it since.
    """
    paths = [PROJECT_ROOT / name for name in _INPUTS]
    files = sorted(file for path in paths for file in (path.rglob("*.*") if path.is_dir() else [path]))
    states = ((str(file), file.stat().st_size, file.stat().st_mtime_ns) for file in files if file.suffix != ".pyc")
    return hashlib.md5(repr(list(states)).encode()).hexdigest()
