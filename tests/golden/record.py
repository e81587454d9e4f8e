"""Write the golden corpus anew: ``python -m tests.golden.record``."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any, Final

from flask.testing import FlaskClient

from tests.client import make_app
from tests.golden.cases import Case, cases, patients, table

HERE: Final = Path(__file__).parent
ANSWERS: Final = HERE / "answers"
FILES: Final = HERE / "files"
HEARTAPP: Final = Path(sys.executable).with_name("heartapp")


def answer(client: FlaskClient, case: Case) -> dict[str, Any]:
    """Status, media type and body of the answer to a case."""
    headers = (*case.headers, ("X-Request-ID", case.name))
    if case.body is None:
        response = client.get(case.path, headers=headers)
    else:
        response = client.post(case.path, data=case.body, content_type=case.content_type, headers=headers)
    body: Any = response.get_json() if (response.mimetype or "").endswith("json") else response.text.split("\n")
    return {"status": response.status_code, "type": response.mimetype, "body": body}


def score(source: Path, folder: Path, model: str) -> tuple[int, dict[str, str]]:
    """Exit status and written files, by suffix, of `heartapp score`."""
    target = folder / f"{source.stem}.scored.csv"
    done = subprocess.run([HEARTAPP, "score", source, target, "--model", model], capture_output=True, check=False)
    written = {
        ".scored.csv": target,
        ".rejects.csv": target.with_name(target.name + ".rejects.csv"),
    }
    return done.returncode, {suffix: path.read_text() for suffix, path in written.items() if path.is_file()}


def sources() -> dict[str, tuple[str, bytes]]:
    """The files to score, by stem: the model and the content."""
    clean = {model: (model, table(patients(model, 200, seed=11))) for model in ("bedside", "followup")}
    faulty = (
        b"id,age,ejection_fraction,serum_creatinine,sex,note\r\n"
        b"001,72.50,25,1.7,0,plain\r\n002,old,25,1.7,1,text\r\n003,72.5,25\r\n004,72.5,25,1.7,1,x,y\r\n"
        b'005,51,45,0.9,,"a ""quoted"", note"\r\n006,510,45,0.9,3,two faults\r\n007,,45,0.9,0,missing\r\n'
        b'008,5.1e1,45,.9,1,spelled\r\n009,"51",45,"0.9",1,quoted\r\n010,51,45,"0,9",1,comma\r\n'
    )
    return {**clean, "faulty": ("bedside", faulty)}


def main() -> None:
    """Write every answer and every file."""
    client = make_app().test_client()
    for old in (*ANSWERS.glob("*.json"), *FILES.glob("*.csv")):
        old.unlink()
    for case in cases():
        content = json.dumps(answer(client, case), indent=1, ensure_ascii=False)
        (ANSWERS / f"{case.name}.json").write_text(content + "\n", "utf-8")
    for stem, (model, content_of_file) in sources().items():
        source = FILES / f"{stem}.csv"
        source.write_bytes(content_of_file)
        _, written = score(source, FILES, model)
        assert written


if __name__ == "__main__":
    main()
