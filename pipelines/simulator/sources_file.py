"""Writes sources.yml, which maps the simulated files onto the contracts, from the layouts that wrote them."""

from __future__ import annotations

from pathlib import Path

from pipelines.simulator.calendar import Period
from pipelines.simulator.layouts import Field, Layout


def write_sources(out: Path, all_layouts: tuple[Layout, ...], period: Period) -> None:
    import yaml  # noqa: PLC0415  (only needed here)

    content = {
        "version": 1,
        "company": {"name": "한빛생활", "time_zone": "Asia/Seoul", "currency": "KRW"},
        "sources": [_entry(layout, period) for layout in all_layouts],
    }
    heading = "# Written by the simulator: what its made company sends, mapped onto the contracts of the feeds.\n"
    shown = yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=110)
    (out / "sources.yml").write_text(heading + shown, encoding="utf-8")


def _entry(layout: Layout, period: Period) -> dict:
    columns = {one.column: _mapping(one, layout) for one in layout.fields if one.column}
    columns |= {name: {"constant": value} for name, value in layout.constants.items()}
    codec = {"codec": layout.codec} if layout.codec else {}
    return {
        "feed": layout.feed,
        "source_system": layout.source_system,
        "path": layout.path,
        "format": layout.form,
        **codec,
        "start": period.start.item(),
        "until": period.end.item(),
        "columns": columns,
    }


def _mapping(one: Field, layout: Layout) -> str | dict:
    mapping: dict = {"column": one.native}
    if one.codes:
        mapping["values"] = {native: word for word, native in one.codes.items()}
    if one.pattern and layout.form != "parquet":
        mapping["format"] = one.pattern
    return mapping if len(mapping) > 1 else one.native
