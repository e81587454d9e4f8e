"""The Open Inference Protocol v2, as its clients speak it."""

import gzip
import json
from collections.abc import Mapping
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from flask.testing import FlaskClient
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from tritonclient.utils import InferenceServerException, np_to_triton_dtype
from werkzeug.test import TestResponse

from heartapp.clinical.variables import MODEL_VARIABLES
from heartapp.inference.served import read_served
from heartapp.protocols.oip import LENGTH, OUTPUTS
from heartapp.protocols.shared import SHOWN
from heartapp.protocols.tensors import DTYPES
from tests.client import SHIPPED, damaged_copy, example, make_app
from tests.protocols.conftest import Cohort
from tests.server.running import Server

INFER = "/v2/models/bedside/infer"
SENTINEL = "61946283"


def tensor(name: str, values: Any, datatype: str = "FP64", **more: Any) -> dict[str, Any]:
    """A tensor with its data in JSON."""
    shape = more.pop("shape", None) or [*np.shape(values)]
    return {"name": name, "shape": shape, "datatype": datatype, "data": values, **more}


def needed(**changed: Any) -> list[dict[str, Any]]:
    """The tensors that bedside requires, for one patient; None leaves one out."""
    values = {"age": [62.0], "ejection_fraction": [35.0], "serum_creatinine": [1.4], **changed}
    return [tensor(name, value) for name, value in values.items() if value is not None]


def binary(tensors: Mapping[str, NDArray[Any]], **more: Any) -> dict[str, Any]:
    """The arguments of a request with binary data, and binary outputs."""
    inputs = [
        {
            "name": name,
            "shape": [*values.shape],
            "datatype": np_to_triton_dtype(values.dtype),
            "parameters": {"binary_data_size": values.nbytes},
        }
        for name, values in tensors.items()
    ]
    head = json.dumps({"inputs": inputs, "parameters": {"binary_data_output": True}, **more}).encode()
    data = head + b"".join(values.tobytes() for values in tensors.values())
    return {"data": data, "headers": {LENGTH: str(len(head)), "Content-Type": "application/octet-stream"}}


def outputs(response: TestResponse) -> dict[str, Any]:
    """The outputs of an answer by name, each in its shape, as tritonclient reads them."""
    assert response.status_code == 200, response.text
    length = int(response.headers[LENGTH]) if LENGTH in response.headers else None
    read = triton.InferResult.from_response_body(response.data, header_length=length)
    values = {output["name"]: read.as_numpy(output["name"]) for output in read.get_response()["outputs"]}
    if "cautions" in values:
        values["cautions"] = np.array([one if isinstance(one, str) else one.decode() for one in values["cautions"]])
    return {name: value.tolist() for name, value in values.items()}


def error(response: TestResponse, status: int = 400) -> str:
    assert (response.status_code, response.mimetype) == (status, "application/json"), response.text
    body = json.loads(response.data)
    assert list(body) == ["error"]
    return str(body["error"])


# Parity


def test_every_way_to_send_patients_gives_the_numbers_of_the_api(client: FlaskClient, cohort: Cohort) -> None:
    post = partial(client.post, f"/v2/models/{cohort.model}/infer")
    values = cohort.values
    columns = {name: values[:, index] for index, name in enumerate(cohort.names)}
    by_name = [tensor(name, [row[name] for row in cohort.records]) for name in cohort.names]
    flat = tensor("patients", [*chain(*cohort.rows)], shape=[*values.shape])
    answers = [
        post(json={"inputs": by_name}),
        post(data=json.dumps({"inputs": [tensor("patients", values.tolist())]})),
        post(json={"inputs": [flat], "parameters": {"binary_data_output": True}}),
        post(**binary(columns)),
        post(**binary({name: column[:, None] for name, column in columns.items()})),
        post(**binary({"patients": values}, parameters={})),
    ]
    for answer in answers:
        assert outputs(answer) == cohort.outputs
    lengths = [int(answer.headers.get(LENGTH, 0)) for answer in answers]
    assert [*map(bool, lengths)] == [False, False, True, True, True, False]


def test_float32_gives_the_numbers_that_the_api_gives_for_it(client: FlaskClient, cohort: Cohort) -> None:
    narrow = cohort.values.astype(np.float32)
    wide = json.dumps({"inputs": [tensor("patients", narrow.tolist())]})
    post = partial(client.post, f"/v2/models/{cohort.model}/infer")
    assert outputs(post(**binary({"patients": narrow}))) == outputs(post(data=wide))


def test_tritonclient_gets_the_numbers_of_the_api(server: Server, cohort: Cohort) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as speaker:
        for in_binary in (True, False):
            tensors = []
            for name, column in zip(cohort.names, cohort.values.T, strict=True):
                tensors.append(triton.InferInput(name, [len(column)], "FP64"))
                tensors[-1].set_data_from_numpy(np.ascontiguousarray(column), binary_data=in_binary)
            asked = [triton.InferRequestedOutput(name, binary_data=in_binary) for name in OUTPUTS if name != "cautions"]
            answer = speaker.infer(
                cohort.model, tensors, read_served(SHIPPED)[cohort.model], outputs=asked, request_id="42"
            )
            for one in asked:
                assert answer.as_numpy(one.name()).tolist() == cohort.outputs[one.name()]
            assert answer.get_response()["id"] == "42"


# What the server tells of itself


def test_tritonclient_finds_server_and_models(server: Server) -> None:
    with triton.InferenceServerClient(f"127.0.0.1:{server.port}") as speaker:
        assert speaker.is_server_live()
        assert speaker.is_server_ready()
        assert speaker.get_server_metadata()["extensions"] == ["binary_tensor_data"]
        for name, variables in MODEL_VARIABLES.items():
            assert speaker.is_model_ready(name)
            (version,) = speaker.get_model_metadata(name)["versions"]
            assert speaker.is_model_ready(name, version)
            described = speaker.get_model_metadata(name, version)
            assert [one["name"] for one in described["inputs"]] == [*variables]
            assert {one["name"]: (one["datatype"], one["shape"]) for one in described["outputs"]} == OUTPUTS
            assert not speaker.is_model_ready(name, "999")
        with pytest.raises(InferenceServerException, match="No model is called"):
            speaker.get_model_metadata("none")


def test_metadata_says_which_inputs_may_be_left_out(client: FlaskClient) -> None:
    inputs = json.loads(client.get("/v2/models/bedside").data)["inputs"]
    required = [one["name"] for one in inputs if not one["parameters"]["optional"]]
    assert required == [one["name"] for one in needed()]
    assert outputs(client.post(INFER, json={"inputs": needed()}))["death_event"] == [0]


def test_an_answer_names_the_bundle_that_gave_it(client: FlaskClient) -> None:
    answer = json.loads(client.post(INFER, json={"inputs": needed(), "model_name": "x"}).data)
    told = json.loads(client.post("/api/v1/predict", json=example()).data)["model"]
    assert (answer["model_name"], answer["model_version"]) == (told["name"], told["version"])
    assert answer["parameters"]["digest"] == told["digest"]
    assert "id" not in answer


def test_a_model_that_is_not_served_is_not_ready(client: FlaskClient, tmp_path: Path) -> None:
    assert client.get("/v2/health/ready").status_code == 200
    client = make_app(models=str(damaged_copy(tmp_path / "models", "followup"))).test_client()
    for address in ("/v2/health/ready", "/v2/models/followup/ready", "/v2/models/followup"):
        assert "followup" in error(client.get(address), 503)
    assert client.get("/v2/models/bedside/ready").status_code == client.get("/v2/health/live").status_code == 200


# Datatypes and outputs


@pytest.mark.parametrize("datatype", DTYPES)
def test_every_datatype_that_can_hold_a_value_is_read(client: FlaskClient, datatype: str) -> None:
    dtype = np.dtype(DTYPES[datatype])
    name, value = ("diabetes", 1) if datatype == "BOOL" else ("ejection_fraction", 35)
    column = np.array([value], dtype)
    wanted = outputs(client.post(INFER, json={"inputs": needed(**{name: [value]})}))
    rest = [one for one in needed() if one["name"] != name]
    as_json = tensor(name, column.tolist(), datatype)
    assert outputs(client.post(INFER, json={"inputs": [*rest, as_json]})) == wanted
    columns = {one["name"]: np.array(one["data"]) for one in rest}
    assert outputs(client.post(INFER, **binary({**columns, name: column}))) == wanted


def test_only_the_outputs_that_are_asked_for_are_sent(client: FlaskClient) -> None:
    asked = [{"name": "votes"}, {"name": "risk", "parameters": {"binary_data": False}}]
    for default in (True, False):
        body = {"inputs": needed(), "outputs": asked, "parameters": {"binary_data_output": default}}
        response = client.post(INFER, json=body)
        assert [*outputs(response)] == ["votes", "risk"]
        assert (LENGTH in response.headers) is default


@pytest.mark.parametrize("default", [True, False])
def test_no_patients_are_answered_with_no_rows(client: FlaskClient, default: bool) -> None:  # noqa: FBT001 - a parameter
    body = {"inputs": [tensor("patients", np.empty((0, 11)).tolist(), shape=[0, 11])]}
    answer = client.post(INFER, json={**body, "parameters": {"binary_data_output": default}})
    assert set(map(len, outputs(answer).values())) == {0}


# Faults


BAD = {
    "an unknown tensor": ([*needed(), tensor("weight", [80.0])], "weight: is not an input"),
    "a tensor twice": ([*needed(), *needed()], "age: is there more than once"),
    "a tensor that is required": (needed(age=None), "age: is missing"),
    "no tensor": ([], "serum_creatinine: is missing"),
    "a table and a tensor": ([tensor("patients", [[*example().values()]]), *needed()], "patients: holds all"),
    "a table of another width": ([tensor("patients", [[62.0]])], "patients: must have the shape [-1, 11]"),
    "no shape": ([*needed(), {"name": "sex", "datatype": "FP64", "data": []}], "sex: must have the shape"),
    "a shape of three": ([*needed(), tensor("sex", [[[1.0]]])], "sex: must have the shape [-1] or [-1, 1]"),
    "text": ([*needed(), tensor("sex", [1.0], "BYTES")], "sex: must have one of the datatypes"),
    "too few values": ([*needed(), tensor("sex", [], shape=[1])], "sex: must have 1 values"),
    "ragged rows": ([tensor("patients", [[1] * 10, [1] * 12], shape=[2, 11])], "patients: must have 22 values"),
    "another length": (needed(age=[62.0, 63.0]), "must all have the same number of rows; they have [1, 2]"),
    "no data": ([*needed(), {"name": "sex", "shape": [1], "datatype": "FP64"}], "sex: must have either data or"),
    "shared memory": ([{**one, "parameters": {"binary_data_size": 0}} for one in needed()], "age: must have either"),
    "a fraction as an integer": ([*needed(), tensor("sex", [0.5], "INT64")], "sex: row 0 is not INT64"),
    "null as an integer": ([*needed(), tensor("sex", [None], "INT8")], "sex: row 0 is not INT8"),
    "a number as a truth": ([*needed(), tensor("sex", [1], "BOOL")], "sex, row 0: must be 0 (woman) or 1 (man)"),
    "a truth as a number": ([*needed(), tensor("sex", [True])], "sex, row 0: must be 0 (woman) or 1 (man)"),
    "infinity": (needed(age=["inf"]), "age, row 0: must be a number from 18"),
    "a null that is required": (needed(age=[None]), "age, row 0: is missing"),
}


@pytest.mark.parametrize(("inputs", "reason"), BAD.values(), ids=BAD)
def test_a_fault_is_told_with_its_tensor(client: FlaskClient, inputs: list[dict[str, Any]], reason: str) -> None:
    assert reason in error(client.post(INFER, json={"inputs": inputs}))


def test_all_faults_are_told_at_once_without_a_value(client: FlaskClient) -> None:
    rows = [float(SENTINEL)] * SHOWN
    told = error(client.post(INFER, json={"inputs": needed(age=rows, ejection_fraction=None, serum_creatinine=rows)}))
    assert "ejection_fraction: is missing" in told
    assert "age, row 0: must" in told
    assert f"and {SHOWN + 1} more" in told
    assert SENTINEL not in told
    assert "nothing was predicted" in told


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"", "expecting value"),
        (b"[]", "Expected `object`"),
        (b'{"inputs": [], "inputs": []}', "appears twice"),
        (b'{"inputs": [{"name": "age", "data": [Infinity]}]}', "Infinity is not a JSON number"),
        (b'{"inputs": [{"name": "age", "shape": [-1]}]}', "`$.inputs[0].shape[0]`"),
        (json.dumps({"inputs": 101 * [tensor("age", [1.0])]}).encode(), "`$.inputs`"),
        (b'{"inputs": [{"name": "age", "61946283": 1}]}', "unknown field - at `$.inputs[0]`"),
        (b'{"inputs": [], "61946283": 1}', "unknown field."),
        (rb'{"inputs": [], "id": "\ud800"}', "`$.id`"),
        (b'{"inputs": [{"name": "age", "parameters": {"binary_data_size": 9}}]}', "adds up to 9 bytes"),
        (json.dumps({"inputs": needed(), "outputs": [{"name": "survival"}]}).encode(), "survival: is not an output"),
    ],
)
def test_what_is_not_a_request_is_refused_with_the_place(client: FlaskClient, body: bytes, reason: str) -> None:
    told = error(client.post(INFER, data=body))
    assert reason in told
    assert SENTINEL not in told


def test_binary_data_must_fill_shape_datatype_and_body(client: FlaskClient) -> None:
    sent = binary({one["name"]: np.array(one["data"]) for one in needed()})
    for length in ("", "-1", "x", "9" * 5_000, str(len(sent["data"]) + 1)):
        assert LENGTH in error(client.post(INFER, **{**sent, "headers": {LENGTH: length}}))
    for data in (sent["data"][:-1], sent["data"] + b" "):
        assert "adds up to 24 bytes" in error(client.post(INFER, **{**sent, "data": data}))
    narrow = {**sent, "data": sent["data"].replace(b"FP64", b"FP16")}
    assert "age: must have 2 bytes" in error(client.post(INFER, **narrow))


def test_limits_and_media_types_are_those_of_the_api() -> None:
    client = make_app(max_patients=2, max_body_bytes=1_024).test_client()
    assert "at most 2" in error(client.post(INFER, json={"inputs": needed(age=[62.0] * 3)}), 413)
    assert "1,024 bytes" in error(client.post(INFER, data=b" " * 1_025), 413)
    assert "1,024 bytes" in error(client.post(INFER, data=b" " * 9_999), 413)
    packed = gzip.compress(json.dumps({"inputs": needed()}).encode())
    assert "uncompressed" in error(client.post(INFER, data=packed, headers={"Content-Encoding": "gzip"}), 415)
    assert "octet-stream" in error(client.post(INFER, data=b"{}", content_type="text/plain"), 415)


def test_whatever_goes_wrong_is_an_error_of_the_protocol(client: FlaskClient, monkeypatch: pytest.MonkeyPatch) -> None:
    for address in ("/v2/none", "/v2/models/none/infer", "/v2/models/bedside/versions/1/infer"):
        assert error(client.post(address, json={"inputs": needed()}), 404)
    assert error(client.get("/v2?x=1"))
    monkeypatch.setattr("heartapp.inference.model.Model.score", None)
    assert SENTINEL not in error(client.post(INFER, json={"inputs": needed(), "id": SENTINEL}), 500)


@pytest.fixture(scope="module")
def strict() -> FlaskClient:
    return make_app().test_client()


NAMES = st.sampled_from(
    ["inputs", "outputs", "name", "shape", "datatype", "data", "parameters", "age", "patients", "FP64"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_infinity=False) | NAMES | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=5),
)
TENSOR = st.fixed_dictionaries(
    {"name": NAMES}, optional={"shape": JSON, "datatype": st.sampled_from([*DTYPES]) | JSON, "data": JSON}
)


@given(inputs=JSON | st.lists(TENSOR, max_size=3), more=JSON)
def test_no_request_makes_the_server_fail(strict: FlaskClient, inputs: Any, more: Any) -> None:
    assert error(strict.post(INFER, data=json.dumps({"inputs": inputs, "outputs": more})))
    assert strict.post("/invocations", json={"inputs": inputs}).status_code in {200, 400}
