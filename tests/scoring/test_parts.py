"""A folder in, a folder out: processes, resumption, and what happens when one of them dies."""

import signal
import subprocess
import sys
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
import pytest

from heartapp.clinical.variables import BY_NAME
from heartapp.errors import BundleError, DataError
from heartapp.inference.model import Model, ModelIdentity
from heartapp.scoring import parts
from heartapp.scoring.parts import load_model, score_part, score_parts
from heartapp.scoring.score import Options, Report, score_file
from tests.server.running import wait_until

HEADER = "age,ejection_fraction,serum_creatinine"


@pytest.fixture
def folder(patients: pa.Table, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Three files, one of which has a row that cannot be scored."""
    monkeypatch.chdir(tmp_path)
    Path("in").mkdir()
    pq.write_table(patients, "in/a.parquet")
    pa_csv.write_csv(patients, "in/b.csv")
    Path("in/c.csv").write_text(f"{HEADER}\n62,35,1.4\nx,35,1.4\n")
    return tmp_path


def run(model: Model, *, resume: bool = False) -> Report:
    return score_parts("in", Path("out"), model, Options(threads=2), resume=resume)


def test_each_file_of_a_folder_gets_an_output_as_if_scored_alone(bedside: Model, folder: Path) -> None:
    report = run(bedside)
    assert (report.read, report.rejected) == (6_002, 1)
    assert report.reasons == {f"age must be {BY_NAME['age'].expected}": 1}
    assert report.rejects == [str(folder / "out/c.csv.rejects.csv")]
    assert report.notes[0].startswith("3 files, 0 ")
    assert report.notes[1].startswith("no column anaemia, ")
    assert {path.name for path in Path("out").iterdir()} == {"a.parquet", "b.csv", "c.csv", "c.csv.rejects.csv"}
    for name in ("a.parquet", "b.csv", "c.csv", "c.csv.rejects.csv"):
        if not name.endswith("rejects.csv"):
            score_file(f"in/{name}", f"alone-{name}", bedside, Options())
        assert Path("out", name).read_bytes() == Path(f"alone-{name}").read_bytes()


def test_complete_files_are_skipped_and_their_rejects_still_count(bedside: Model, folder: Path) -> None:
    (folder / "in/empty.csv").write_text(f"{HEADER}\n")
    run(bedside)
    (folder / "out/b.csv").unlink()
    before = {path: path.stat().st_mtime_ns for path in (folder / "out").iterdir()}
    report = run(bedside, resume=True)
    assert report.notes[0].startswith("4 files, 3 ")
    assert (report.read, report.rejects) == (3_000, [str(folder / "out/c.csv.rejects.csv")])
    assert before == {path: path.stat().st_mtime_ns for path in before}
    assert run(bedside, resume=True).read == 0


def test_a_folder_with_files_is_not_written_to_by_mistake(bedside: Model, folder: Path) -> None:
    (folder / "out").mkdir()
    (folder / "out/old.csv").touch()
    with pytest.raises(DataError, match="go on with --resume"):
        run(bedside)
    (folder / "out/old.csv").rename("file")
    (folder / "out").rmdir()
    (folder / "file").rename("out")
    with pytest.raises(DataError, match="name a folder as OUTPUT"):
        run(bedside)


def test_a_file_that_cannot_be_scored_is_named_and_no_process_is_left(bedside: Model, folder: Path) -> None:
    (folder / "in/d.csv").write_text("nothing\n")
    with pytest.raises(DataError, match=r"in/d\.csv: columns age, "):
        run(bedside)
    assert not [*Path("out").rglob(".*")]
    (folder / "in/d.csv").unlink()
    assert run(bedside, resume=True).notes[0].startswith("3 files, ")


def test_a_part_is_refused_where_the_bundle_is_another_one(bedside: Model, folder: Path) -> None:
    other = ModelIdentity(bedside.identity.name, bedside.identity.version, "sha256:0")
    with pytest.raises(DataError, match="has the digest"):
        score_part(other, Options(threads=1), folder / "in/c.csv", folder / "out/c.csv")
    with pytest.raises(BundleError, match="HEARTAPP_MODELS"):
        load_model(other)


def test_a_killed_process_is_told_and_the_run_can_go_on(
    bedside: Model, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert folder.is_dir()

    def broken(_: object) -> None:
        raise BrokenProcessPool

    with monkeypatch.context() as patch:
        patch.setattr(parts, "as_completed", broken)
        with pytest.raises(DataError, match="go on with --resume and fewer --threads"):
            run(bedside)
    assert run(bedside, resume=True).notes[0].startswith("3 files, ")


@pytest.mark.usefixtures("default_signals")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_command_that_is_ended_leaves_complete_files_and_no_process(
    bedside: Model, patients: pa.Table, folder: Path, number: signal.Signals
) -> None:
    pa_csv.write_csv(pa.concat_tables([patients] * 300), folder / "in/b.csv")
    command = [str(Path(sys.executable).with_name("heartapp")), "score", "in", "out", "--threads", "2"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=folder) as process:
        wait_until(lambda: [*folder.glob("out/.b.csv.*")], "the long file is begun")
        workers = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        process.send_signal(number)
        _, told = process.communicate()
    wait_until(lambda: not any(Path("/proc", worker).exists() for worker in workers), "no worker is left")
    written = {path.name for path in folder.glob("out/*")}
    assert {name for name in written if not name.startswith(".")} <= {"a.parquet", "c.csv", "c.csv.rejects.csv"}
    if number == signal.SIGKILL:
        run(bedside, resume=True)
    else:
        assert process.returncode == 128 + number
        assert told == f"Stopped by {number.name}: complete files are kept; go on with --resume\n"
    assert not [*folder.glob("out/.*")]
