"""The files in deploy/: valid by the schemas of those who read them, and in agreement with the code."""

import json
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib
from configparser import RawConfigParser
from pathlib import Path
from typing import Any, cast

import kubernetes_validate
import pytest
import yaml
from flask.testing import FlaskClient

from heartapp.cli import main
from heartapp.config import PREFIX, Settings, read_settings
from tests.conftest import ROOT, require
from tests.server.nginx import ADDRESSES
from tests.server.running import SERVE, make_home, running

BIN = Path(sys.executable).parent
DEPLOY = ROOT / "deploy"
FILES = {path.name: path.read_text("utf-8") for path in DEPLOY.iterdir()}
CONTAINERFILE = FILES["Containerfile"].replace("\\\n", "")
GUNICORN = runpy.run_path(str(ROOT / "gunicorn.conf.py"))
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
PORT = 8000
KSERVES_OWN = {"minReplicas", "maxReplicas"}
"""What a predictor has beside the keys of a pod."""

COMPOSE: dict[str, Any] = yaml.safe_load(FILES["compose.yaml"])
KUBERNETES: list[dict[str, Any]] = [*yaml.safe_load_all(FILES["kubernetes.yaml"])]
PREDICTOR: dict[str, Any] = yaml.safe_load(FILES["kserve.yaml"])["spec"]["predictor"]
PODS: dict[str, dict[str, Any]] = {
    "kubernetes": KUBERNETES[0]["spec"]["template"]["spec"],
    "kserve": {key: value for key, value in PREDICTOR.items() if key not in KSERVES_OWN},
}
EACH_POD = pytest.mark.parametrize("pod", PODS.values(), ids=PODS)


def unit(name: str) -> RawConfigParser:
    """A systemd unit; keys that come twice keep the last value."""
    parser = RawConfigParser(strict=False, delimiters="=")
    parser.optionxform = str  # type: ignore[assignment, method-assign]  # as configparser's documentation does
    parser.read_string(FILES[name])
    return parser


def instruction(name: str) -> list[str]:
    """What follows this word in the Containerfile, once for each time."""
    return cast("list[str]", re.findall(rf"^{name} (.+)$", CONTAINERFILE, re.MULTILINE))


def container(pod: dict[str, Any]) -> dict[str, Any]:
    """The one container of a pod."""
    (one,) = pod["containers"]
    return cast("dict[str, Any]", one)


def run(*command: str | Path) -> tuple[int, str]:
    """A checker's exit status, and what it complains of."""
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def test_the_compose_file_fits_compose_s_schema() -> None:
    assert run(BIN / "check-jsonschema", "--builtin-schema", "vendor.compose-spec", DEPLOY / "compose.yaml") == (0, "")


@pytest.mark.parametrize("version", ["1.30", kubernetes_validate.latest_version()])
def test_the_manifests_fit_the_schemas_of_kubernetes(version: str) -> None:
    for resource in KUBERNETES:
        kubernetes_validate.validate(resource, version, strict=True)


def test_the_inference_service_is_a_pod_with_keys_of_kserves_own() -> None:
    service = yaml.safe_load(FILES["kserve.yaml"])
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert [*service["spec"]] == ["predictor"]
    assert PREDICTOR.keys() >= KSERVES_OWN
    assert container(PODS["kserve"])["name"] == "kserve-container"
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": service["metadata"], "spec": PODS["kserve"]}
    kubernetes_validate.validate(pod, kubernetes_validate.latest_version(), strict=True)


def test_services_select_the_pods_of_the_deployment() -> None:
    deployment, service, budget = KUBERNETES
    labels = deployment["spec"]["template"]["metadata"]["labels"]
    assert deployment["spec"]["selector"]["matchLabels"] == labels
    assert budget["spec"]["selector"]["matchLabels"] == service["spec"]["selector"] == labels
    assert service["spec"]["ports"][0]["targetPort"] == container(PODS["kubernetes"])["ports"][0]["name"]


@EACH_POD
def test_probes_are_routes_that_answer(pod: dict[str, Any], client: FlaskClient) -> None:
    one = container(pod)
    probes = [probe["httpGet"] for name, probe in one.items() if name.endswith("Probe")]
    assert len(probes) >= 2
    assert {client.get(probe["path"]).status_code for probe in probes} == {200}
    assert {probe["port"] for probe in probes} <= {PORT, one["ports"][0]["name"]}


@EACH_POD
def test_pods_get_a_confined_container(pod: dict[str, Any]) -> None:
    assert pod["securityContext"]["runAsNonRoot"]
    assert container(pod)["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def environments() -> dict[str, dict[str, str]]:
    """The environment that each file gives to heartapp."""
    variables = {
        "Containerfile": dict(pair.split("=", 1) for line in instruction("ENV") for pair in shlex.split(line)),
        "heartapp.service": dict(
            pair.split("=", 1) for pair in shlex.split(unit("heartapp.service")["Service"]["Environment"])
        ),
        "compose.yaml": COMPOSE["services"]["one"]["environment"],
    }
    pods = {name: {one["name"]: one["value"] for one in container(pod)["env"]} for name, pod in PODS.items()}
    return variables | pods


@pytest.mark.parametrize("variables", environments().values(), ids=environments())
def test_every_setting_is_one_that_heartapp_takes(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    ours = {name: value for name, value in variables.items() if name.startswith(PREFIX)}
    assert variables.keys() - ours.keys() <= {"PATH", "PYTHONDONTWRITEBYTECODE", "WEB_CONCURRENCY"}
    for name, value in ours.items():
        monkeypatch.setenv(name, value)
    settings, defaults = read_settings(), Settings()
    for name in ours.keys() - {"HEARTAPP_HOME"}:
        setting = name.removeprefix(PREFIX).lower()
        assert getattr(settings, setting) != getattr(defaults, setting)


def test_every_port_and_address_is_the_same() -> None:
    assert {GUNICORN["bind"].rpartition(":")[2], *instruction("EXPOSE")} == {str(PORT)}
    assert unit("heartapp.socket")["Socket"]["ListenStream"] == GUNICORN["bind"]
    assert {one["containerPort"] for pod in PODS.values() for one in container(pod)["ports"]} == {PORT}
    services = COMPOSE["services"]
    replicas = [services[name]["networks"]["replicas"]["ipv4_address"] for name in ("one", "two")]
    assert [f"{address}:{PORT}" for address in replicas] == [*ADDRESSES]
    assert services["one"]["environment"]["HEARTAPP_RATE_LIMIT_STORAGE"] == "redis://redis:6379"
    (source, *_) = services["nginx"]["volumes"][0].split(":")
    assert (DEPLOY / source).resolve() == ROOT / "config" / "nginx.conf"


def test_there_is_time_to_stop() -> None:
    patience = GUNICORN["graceful_timeout"]
    assert int(unit("heartapp.service")["Service"]["TimeoutStopSec"]) > patience
    assert int(COMPOSE["services"]["one"]["stop_grace_period"].removesuffix("s")) > patience
    pod = PODS["kubernetes"]
    assert pod["terminationGracePeriodSeconds"] > patience + container(pod)["lifecycle"]["preStop"]["sleep"]["seconds"]


def test_images_are_of_this_version_and_name_no_registry() -> None:
    images = [one["image"] for one in COMPOSE["services"].values()] + [container(pod)["image"] for pod in PODS.values()]
    assert not [image for image in images if "/" in image or image.count(":") != 1]
    assert {image for image in images if image.startswith("heartapp")} == {f"heartapp:{VERSION}"}
    assert set(re.findall(r"heartapp:(\d\S*)", CONTAINERFILE)) == {VERSION}


def test_the_container_gets_what_it_is_built_from_and_runs_the_command_line_without_root() -> None:
    sources = [word for line in instruction("COPY") if "--from" not in line for word in shlex.split(line)[:-1]]
    assert [source for source in sources if not (ROOT / source).exists()] == []
    wheel = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert {*sources} >= {*wheel["only-include"]}
    assert instruction("USER") == ["10001:10001"]
    (line,) = instruction("CMD")
    start = json.loads(line)
    assert start[:1] == ["heartapp"]
    context = main.commands["serve"].make_context("serve", start[2:])
    assert (context.params["host"], context.params["port"]) == ("0.0.0.0", PORT)  # noqa: S104 - in a container


def test_hadolint_finds_nothing() -> None:
    assert run(BIN / "hadolint", DEPLOY / "Containerfile") == (0, "")


def test_the_health_check_tells_a_server_from_none(tmp_path: Path) -> None:
    (line,) = instruction("HEALTHCHECK")
    check = json.loads(line.partition("CMD ")[2])

    def healthy(port: int) -> bool:
        status, _ = run(sys.executable, *(word.replace(str(PORT), str(port)) for word in check[1:]))
        return status == 0

    with running(make_home(tmp_path / "home"), "--workers", "1", command=SERVE) as server:
        assert healthy(server.port)
    assert not healthy(server.port)


def test_systemd_accepts_the_units_and_finds_them_hardened(tmp_path: Path) -> None:
    require(shutil.which("systemd-analyze") is not None, "systemd-analyze checks the units: `apt install systemd`")
    for name in ("heartapp.service", "heartapp.socket"):
        text = FILES[name].replace("/opt/heartapp/.venv/bin/", f"{BIN}/")
        (tmp_path / name).write_text(text.replace("User=heartapp", "DynamicUser=yes"), "utf-8")
    units = tmp_path / "heartapp.service", tmp_path / "heartapp.socket"
    assert run("systemd-analyze", "verify", "--man=no", *units) == (0, "")
    # Of 100, which is the worst.
    assert run("systemd-analyze", "security", "--offline=true", "--threshold=15", units[0]) == (0, "")
