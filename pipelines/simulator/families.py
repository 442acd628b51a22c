"""Families: two persons behind one door, half of them with one telephone number."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pipelines.simulator import vocabulary as v
from pipelines.simulator.people import People

IN_A_FAMILY = 0.08
SHARES_TELEPHONE = 0.5


@dataclass(frozen=True)
class Families:
    """One entry per family: whose home and telephone it was, who lives there too, and whether both have one number."""

    owner: np.ndarray
    joiner: np.ndarray
    shares_telephone: np.ndarray

    def relatives(self, count: int) -> np.ndarray:
        """By person, of `count`: who lives there too; -1 for whoever has no family."""
        relative = np.full(count, -1)
        relative[self.owner], relative[self.joiner] = self.joiner, self.owner
        return relative


def draw_families(people: People, generator: np.random.Generator) -> Families:
    """Pairs of persons, whoever was registered first as the owner; firms and shops have no family."""
    persons = generator.permutation(np.flatnonzero(people.party_type == v.PARTY_TYPES.index("person")))
    count = int(len(persons) * IN_A_FAMILY) // 2
    one, other = persons[:count], persons[count : 2 * count]
    is_earlier = people.registered[one] <= people.registered[other]
    return Families(
        owner=np.where(is_earlier, one, other),
        joiner=np.where(is_earlier, other, one),
        shares_telephone=generator.random(count) < SHARES_TELEPHONE,
    )
