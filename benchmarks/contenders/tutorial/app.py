"""The app of a much copied kind of tutorial: load three pickles, ask one after the other, let them vote."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from flask import Flask, Response, jsonify, request

from benchmarks import bundle

app = Flask(__name__)

decision_tree = pickle.loads(Path("decision_tree.pkl").read_bytes())
random_forest = pickle.loads(Path("random_forest.pkl").read_bytes())
gradient_boosting = pickle.loads(Path("gradient_boosting.pkl").read_bytes())


@app.route("/predict", methods=["POST"])
def predict() -> Response:
    """The votes and the majority."""
    data = request.get_json()
    features = np.array([[float(data[name]) for name in bundle.manifest()["used"]]])
    tree_vote = int(decision_tree.predict(features)[0])
    forest_vote = int(random_forest.predict(features)[0])
    boosting_vote = int(gradient_boosting.predict(features)[0])
    votes = [tree_vote, forest_vote, boosting_vote]
    prediction = max(set(votes), key=votes.count)
    return jsonify({"prediction": prediction, "votes": votes})
