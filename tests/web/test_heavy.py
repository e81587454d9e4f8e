from threading import Thread

import pytest

from heartapp.web.extension import get_services
from heartapp.web.heavy import DETAILED, LIGHT, PATIENT, HeavyQueue
from heartapp.web.problems import RequestError
from tests.client import example, make_app, problem_of
from tests.server.running import wait_until

HEAVY = bytes(LIGHT + 1)


def test_light_requests_do_not_wait() -> None:
    queue = HeavyQueue(waiting=0, patience=0)
    with queue.turn(HEAVY), queue.turn(HEAVY[1:]), queue.turn(bytes(LIGHT // DETAILED), detailed=True):
        pass


@pytest.mark.parametrize(
    ("content", "detailed"),
    [(HEAVY, False), (bytes(LIGHT // DETAILED + 1), True), (b"1\n" * (LIGHT // PATIENT + 1), False)],
)
def test_a_heavy_request_is_refused_when_the_queue_is_full_or_too_slow(*, content: bytes, detailed: bool) -> None:
    for queue in (HeavyQueue(waiting=0, patience=60), HeavyQueue(waiting=1, patience=0)):
        with queue.turn(HEAVY):
            with pytest.raises(RequestError) as caught, queue.turn(content, detailed=detailed):
                pass
            assert (caught.value.status, caught.value.headers) == (503, {"Retry-After": "1"})
        with queue.turn(content, detailed=detailed):
            pass


def test_a_heavy_request_has_its_turn_after_the_one_before() -> None:
    queue, order = HeavyQueue(), list[str]()

    def wait() -> None:
        with queue.turn(HEAVY):
            order.append("second")

    with queue.turn(HEAVY):
        thread = Thread(target=wait)
        thread.start()
        wait_until(lambda: queue._places._value < 2, "the other one waits")
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_every_protocol_answers_that_it_is_busy() -> None:
    app = make_app()
    queue = HeavyQueue(waiting=0)
    app.extensions["heartapp"] = get_services(app)._replace(queue=queue)
    patients = [example()] * 5_000
    client = app.test_client()
    columns = {name: [patient[name] for patient in patients] for name in example()}
    tensors = [{"name": name, "shape": [5_000], "datatype": "FP64", "data": column} for name, column in columns.items()]
    requests = {
        "/api/v1/predict": patients,
        "/v2/models/bedside/infer": {"inputs": tensors},
        "/invocations": {"dataframe_records": patients},
    }
    with queue.turn(HEAVY):
        for address, body in requests.items():
            answer = client.post(address, json=body)
            assert (answer.status_code, answer.headers["Retry-After"]) == (503, "1")
        problem_of(client.post("/api/v1/predict", json=patients), 503)
    assert [client.post(address, json=body).status_code for address, body in requests.items()] == [200] * 3
