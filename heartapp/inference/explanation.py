"""What each variable adds to the typical patient's risk: exact Shapley values of the served risk.

Shapley (1953); for predictions, Lundberg and Lee (2017). Every coalition of the variables that differ from the typical
patient is enumerated in one batch, at most 2^11 rows for eleven variables, so the contributions add up to the risk
minus the reference risk up to rounding. Nothing is sampled or approximated.
"""

from collections.abc import Callable, Collection, Sequence
from functools import cache
from math import factorial, isnan

import msgspec
import numpy as np
from numpy.typing import NDArray

from heartapp.clinical.variables import Variable

Risk = Callable[[NDArray[np.float64]], NDArray[np.float64]]


class Contribution(msgspec.Struct, frozen=True):
    """What one variable adds to the risk, between -1 and 1. ``value`` is None where it is missing."""

    field: str
    value: float | None
    contribution: float


class Explanation(msgspec.Struct, frozen=True):
    """The typical patient's risk and what each variable in use adds to it, the largest contribution first."""

    reference_risk: float
    contributions: tuple[Contribution, ...]


def explain(
    risk: Risk, variables: Sequence[Variable], used: Collection[str], row: Sequence[float], typical: Sequence[float]
) -> Explanation:
    """Explain one patient.

    Args:
        risk: the served risk, shape (n,), of rows of shape (n, variables).
        variables: the model's variables, in order.
        used: the names of those that the members split on; the others contribute nothing and are left out.
        row: the patient; NaN where a value is missing.
        typical: the typical patient of the training data.
    """
    columns = [column for column, variable in enumerate(variables) if variable.name in used]
    # A variable that has the typical value changes no coalition's risk: leave it out.
    players = [column for column in columns if row[column] != typical[column]]
    members = _coalitions(len(players))
    rows = np.tile(np.array(typical, np.float64), (len(members), 1))
    rows[:, players] = np.where(members, np.array(row, np.float64)[players], rows[:, players])
    risks = risk(rows)
    added = dict(zip(players, (_weights(len(players)) @ risks).tolist(), strict=True))
    contributions = [
        Contribution(variables[column].name, None if isnan(row[column]) else float(row[column]), added.get(column, 0.0))
        for column in columns
    ]
    contributions.sort(key=lambda one: abs(one.contribution), reverse=True)
    return Explanation(float(risks[0]), tuple(contributions))


@cache
def _coalitions(players: int) -> NDArray[np.bool_]:
    """Who is in each coalition, shape (2^players, players). The first coalition is empty, the last one is complete."""
    numbers = np.arange(2**players)[:, None]
    members: NDArray[np.bool_] = (numbers >> np.arange(players)) & 1 == 1
    return members


@cache
def _weights(players: int) -> NDArray[np.float64]:
    """The weight of each coalition's risk in each player's contribution, shape (players, 2^players)."""
    if not players:
        return np.zeros((0, 1))
    members = _coalitions(players)
    sizes = members.sum(axis=1)
    # |S|! (n - |S| - 1)! / n! for a coalition S that the player joins.
    joining = np.array([factorial(size) * factorial(players - size - 1) for size in range(players)], np.float64)
    joining /= factorial(players)
    inside, outside = joining[np.maximum(sizes - 1, 0)], joining[np.minimum(sizes, players - 1)]
    weights: NDArray[np.float64] = np.where(members.T, inside, -outside)
    return weights
