"""The probabilistic model: what agreement is worth, learnt once (`training.py`) and then frozen as one text.

Nothing here knows a customer. Which pairs are weighed is `pairs.py`, what becomes of them `edges.py`.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

from pipelines.identity.default_model import DEFAULT_SETTINGS


@dataclass(frozen=True)
class Model:
    """`settings`: the frozen model as JSON; `version`: what it is known by, made of the settings."""

    version: str
    settings: str

    @classmethod
    def from_settings(cls, settings: str) -> Model:
        """The model that `settings` once came from."""
        return cls(hashlib.sha256(settings.encode()).hexdigest()[:12], settings)

    @classmethod
    def of(cls, parameters: dict[str, Any]) -> Model:
        """The model of `parameters`, as JSON values; equal parameters are the same model."""
        return cls.from_settings(json.dumps(parameters, ensure_ascii=False, sort_keys=True))

    @property
    def parameters(self) -> dict[str, Any]:
        """`prior`: chance that two records drawn at random are one; `comparisons`: levels in order, each with the
        chance `m` that two records of one customer reach it and `u` that two strangers do; `names`: how frequent the
        frequent full names are; `rare_name`: how frequent every other one is."""
        found: dict[str, Any] = json.loads(self.settings)
        return found


def prior_weight(parameters: dict[str, Any]) -> float:
    """Where weighing starts: the binary logarithm of the odds of the prior."""
    prior = parameters["prior"]
    return math.log2(prior / (1 - prior))


def level_weights(comparison: dict[str, Any]) -> list[float]:
    """What reaching each level adds: the binary logarithm of its Bayes factor."""
    return [round(math.log2(level["m"] / level["u"]), 4) for level in comparison["levels"]]


DEFAULT = Model.of(DEFAULT_SETTINGS)
