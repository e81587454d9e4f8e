from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from heartapp.api.answers import summarise
from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.web.extension import get_registry

if TYPE_CHECKING:
    from flask import Flask


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_a_summary_says_what_the_bundle_says(app: Flask, name: str) -> None:
    model = get_registry(app).get(name)
    summary, manifest = summarise(model), model.bundle.manifest
    assert summary.model == model.identity
    assert summary.threshold == manifest.threshold
    assert summary.base_rate == manifest.base_rate
    assert summary.created == manifest.created
    assert summary.training_data == manifest.training_data
    assert summary.report == model.bundle.report
    assert summary.files == manifest.files
    assert summary.libraries == manifest.libraries


@pytest.mark.parametrize("name", MODEL_VARIABLES)
def test_each_variable_is_told_with_its_limits_and_what_training_held(app: Flask, name: str) -> None:
    model = get_registry(app).get(name)
    summary = summarise(model)
    assert [one.name for one in summary.variables] == list(MODEL_VARIABLES[name])
    for told, variable, seen in zip(summary.variables, model.variables, model.bundle.manifest.variables, strict=True):
        assert (told.label, told.unit, told.kind) == (variable.label, variable.unit, variable.kind)
        assert told.known == variable.known
        assert told.required == (variable.name in model.required)
        assert told.used == (variable.name in model.bundle.manifest.used)
        assert told.allowed == (variable.low, variable.high)
        assert told.seen == (seen.minimum, seen.maximum)
        assert told.allowed[0] <= told.seen[0] <= told.seen[1] <= told.allowed[1]
