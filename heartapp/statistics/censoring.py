"""Follow-up that ends before the horizon: the Kaplan-Meier estimate and weights for who was lost."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def kaplan_meier(
    time: NDArray[np.float64], event: NDArray[np.int64], days: ArrayLike, counts: NDArray[np.float64] | None = None
) -> NDArray[np.float64]:
    """The estimated share of patients without the event after each day (Kaplan and Meier 1958).

    Args:
        time: day of the event or end of follow-up, shape (n,).
        event: 1 where the time is that of the event, shape (n,).
        days: of any shape, which is that of the answer.
        counts: how often each patient is there, at least once; once where None.
    """
    moments, place = np.unique(time, return_inverse=True)
    at_risk = np.bincount(place, counts)[::-1].cumsum()[::-1]
    share = np.cumprod(1 - np.bincount(place, event if counts is None else event * counts) / at_risk)
    found: NDArray[np.float64] = np.append(1.0, share)[np.searchsorted(moments, days, side="right")]
    return found


def censoring_weights(
    train_time: NDArray[np.float64],
    train_died: NDArray[np.int64],
    time: NDArray[np.float64],
    died: NDArray[np.int64],
    day: float,
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Who died by a day, and inverse-probability-of-censoring weights (Graf et al. 1999); both of shape (n,).

    A patient whose follow-up ended alive by that day has weight 0, and the others count for such patients too.

    Args:
        train_time: day of death or end of follow-up of the patients from whom the censoring is learned.
        train_died: 1 where it is the day of death.
        time: that of the patients to weigh.
        died: 1 where it is their day of death.
        day: the horizon.
    """
    dead = (time <= day) & (died == 1)
    known = dead | (time > day)
    # Just before a death: a patient who left on that day was still followed until then.
    moment = np.where(dead, np.nextafter(time, 0), day)
    weight = np.zeros(len(time))
    weight[known] = 1 / kaplan_meier(train_time, 1 - train_died, moment[known])
    return dead.astype(np.int64), weight


def sample_weights(
    time: NDArray[np.float64], died: NDArray[np.int64], day: float, counts: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Weights in bootstrap samples, each of which learns the censoring anew; both of the shape of ``counts``.

    The first are censoring weights times counts. The second are those of the pairs that a patient's death decides in
    Uno's C (2011): one over the squared share still followed just before, times counts, and 0 for later deaths.

    Args:
        time: day of death or end of follow-up, shape (n,).
        died: 1 where it is the day of death, shape (n,).
        day: the horizon.
        counts: how often each sample holds each patient, shape (samples, n).
    """
    dead = (time <= day) & (died == 1)
    known = dead | (time > day)
    moment = np.where(dead, np.nextafter(time, 0), day)
    weights, pairs = np.zeros(counts.shape), np.zeros(counts.shape)
    for count, weight, pair in zip(counts, weights, pairs, strict=True):
        there = count > 0
        counted = there & known
        followed = kaplan_meier(time[there], 1 - died[there], moment[counted], count[there])
        weight[counted] = count[counted] / followed
        pair[counted] = np.where(dead[counted], weight[counted] / followed, 0)
    return weights, pairs
