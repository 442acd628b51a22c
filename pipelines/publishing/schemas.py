"""Which schemas are published, as dbt_project.yml says it: those of the folders of models/marts.

A folder that is added there is published, hashed, audited, copied by an erasure and counted without another list.
"""

from functools import lru_cache

import yaml

from pipelines.settings import PROJECT_ROOT


@lru_cache(maxsize=1)
def schema_by_folder() -> dict[str, str]:
    """Folder of models/marts -> the schema of its tables."""
    project = yaml.safe_load((PROJECT_ROOT / "dbt_project.yml").read_text(encoding="utf-8"))
    marts = project["models"][project["name"]]["marts"]
    return {folder: words["+schema"] for folder, words in marts.items() if not folder.startswith("+")}


def published_schemas() -> list[str]:
    """The schemas whose tables are published, sorted."""
    return sorted(set(schema_by_folder().values()))
