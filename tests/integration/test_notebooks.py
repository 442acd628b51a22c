"""Every notebook is kept without outputs and runs from top to bottom on the published file alone."""

from __future__ import annotations

import os
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from .homes import PROJECT_ROOT

NOTEBOOKS = sorted((PROJECT_ROOT / "notebooks").glob("*.ipynb"))


def test_there_is_a_notebook():
    assert NOTEBOOKS, "notebooks/ holds no notebook: one question per notebook belongs there"


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_is_kept_without_outputs(path: Path):
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert [cell.outputs for cell in cells if cell.outputs or cell.execution_count] == []


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_runs_on_the_published_file_alone(path: Path, built, tmp_path, monkeypatch):
    # Only the published file is there: a notebook that reads anything else finds nothing.
    home = tmp_path / "home"
    (home / "published").mkdir(parents=True)
    os.link(built.published, home / "published" / "crm.duckdb")
    for name in [name for name in os.environ if name.startswith("CRMDW_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("CRMDW_HOME", str(home))
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path / "matplotlib"))
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(path.parent)}}
    )
    client.execute()
    outputs = [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any(output.output_type in ("display_data", "execute_result", "stream") for output in outputs)
    stated = [output.text for output in outputs if output.output_type == "stream" and output.name == "stderr"]
    assert stated == []
