import json
import subprocess
import sys
from pathlib import Path

from tests.conftest import ROOT

ASK = """
import json, os, sys
from pathlib import Path
from heartapp.inference.bundle import read_bundle
from heartapp.inference.model import Model
from heartapp.inference.served import read_served
root = Path(sys.argv[1])
for name, version in read_served(root).items():
    Model(read_bundle(root, name, version))
print(json.dumps([str(path) for path in Path.home().rglob("*")]))
"""


def test_loading_the_models_leaves_nothing_in_the_user_s_home(models: Path, tmp_path: Path) -> None:
    """onnxruntime keeps an identifier there where it reports to its maker; in CI and the like it does not."""
    environment = {"HOME": str(tmp_path), "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", ASK, str(models)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == []
