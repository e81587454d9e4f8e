import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from lifelines import KaplanMeierFitter

from heartapp.statistics.censoring import censoring_weights, kaplan_meier

TIED = np.array([10.0, 10.0]), np.array([1, 0])


@given(st.lists(st.tuples(st.integers(1, 30), st.integers(0, 1)), min_size=1, max_size=40))
def test_the_kaplan_meier_estimate_is_that_of_lifelines(patients: list[tuple[int, int]]) -> None:
    time, event = np.array(patients, np.float64).T
    days = np.arange(0, 33, 0.5)
    theirs = KaplanMeierFitter().fit(time, event).survival_function_at_times(days).to_numpy()
    assert kaplan_meier(time, event.astype(np.int64), days) == pytest.approx(theirs, abs=1e-12)


def test_weights_stand_for_the_patients_who_left_and_who_leaves_on_a_day_of_death_was_followed_until_then() -> None:
    assert censoring_weights(*TIED, *TIED, 30)[1].tolist() == [1, 0]
    time, died = np.array([10.0, 20.0, 30.0, 40.0]), np.array([1, 0, 1, 0])
    dead, weight = censoring_weights(time, died, time, died, 30)
    assert dead.tolist() == [1, 0, 1, 0]
    # One of three left on day 20, so each of the other two counts one and a half times.
    assert weight.tolist() == pytest.approx([1, 0, 1.5, 1.5])


def test_the_weighted_share_of_deaths_is_the_kaplan_meier_estimate() -> None:
    generator = np.random.default_rng(2)
    death, leaving = generator.uniform(1, 400, 200).round(), generator.uniform(1, 400, 200).round() + 0.5
    time, died = np.minimum(death, leaving), (death <= leaving).astype(np.int64)
    dead, weight = censoring_weights(time, died, time, died, 180)
    assert weight @ dead / len(time) == pytest.approx(1 - kaplan_meier(time, died, 180), abs=1e-9)
