"""What an erasure does with the rows of each published table, as the table's model says it in its `meta`.

The words stand beside the model's columns in models/marts, so that no list has to be kept for a table to come.
"""

from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from pipelines.settings import PROJECT_ROOT

_OTHER_WORDS = ("grain", "dagster")
"""Words of a model's `meta` that say nothing about an erasure."""


class ErasureTerms(BaseModel):
    """What becomes of the rows of one table that belong to erased customers.

    `erasure` is `none` where no row names a customer, `drop` where a row says something about a customer alone,
    `to_erased` where it says something about a thing too and stays as the erased member's, and `add_to_erased` where
    the erased member has one row for each combination of the other columns, such as one a month.

    `customer_columns` are all columns that hold a customer's id or the id of a customer's row. `customer_made_key` is a
    key that is a hash with a customer's id in it. Of rows that are added, `added_columns` are summed, and
    `erased_values` say what other columns hold that the rows do not have in common.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    erasure: Literal["none", "drop", "to_erased", "add_to_erased"]
    customer_columns: list[str] = []
    customer_made_key: str | None = None
    added_columns: list[str] = []
    erased_values: dict[str, bool | int | str | None] = {}

    @model_validator(mode="after")
    def _says_what_it_needs(self) -> Self:
        if (self.erasure == "none") == bool(self.customer_columns):
            raise ValueError("`erasure: none` names no customer_columns, and every other erasure names them")
        if self.customer_made_key and self.erasure in ("none", "drop"):
            raise ValueError("customer_made_key is for rows that stay")
        if (self.erasure == "add_to_erased") != bool(self.added_columns):
            raise ValueError("`erasure: add_to_erased` names added_columns, and no other erasure does")
        if self.erased_values and self.erasure != "add_to_erased":
            raise ValueError("erased_values are for rows that are added")
        return self

    @property
    def columns(self) -> set[str]:
        """All columns that the terms name."""
        made = {self.customer_made_key} if self.customer_made_key else set()
        return {*self.customer_columns, *made, *self.added_columns, *self.erased_values}


@lru_cache
def erasure_terms(folder: Path = PROJECT_ROOT / "models" / "marts") -> dict[str, ErasureTerms]:
    """Table -> its terms, of every model that is documented in `folder`.

    Raises pydantic's ValidationError where a model does not say what an erasure does, or says it wrong.
    """
    return {
        model["name"]: ErasureTerms.model_validate(
            {word: value for word, value in _meta(model).items() if word not in _OTHER_WORDS}
        )
        for path in sorted(folder.rglob("*.yml"))
        for model in _document(path).get("models", [])
    }


def _meta(model: dict[str, Any]) -> dict[str, Any]:
    return model.get("config", {}).get("meta", {})


def _document(path: Path) -> dict[str, Any]:
    return yaml.load(path.read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
