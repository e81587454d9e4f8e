import re
from pathlib import Path

import pytest

from heartapp.errors import DataError
from heartapp.scoring.names import Kind, check_different, find_delimiter, find_kind, find_parts, is_many


@pytest.mark.parametrize(
    ("name", "stated", "kind"),
    [
        ("a.csv", None, "csv"),
        ("a.TSV", "parquet", "csv"),
        ("a.pq", None, "parquet"),
        ("a.dat", "parquet", "parquet"),
        ("-", None, "csv"),
        ("-", "parquet", "parquet"),
    ],
)
def test_the_suffix_decides_and_then_the_stated_format(name: str, stated: Kind | None, kind: Kind) -> None:
    assert find_kind(name, stated) == kind


@pytest.mark.parametrize(("name", "remedy"), [("a.dat", "--format"), ("a.csv.gz", "zcat a.csv.gz")])
def test_an_unknown_suffix_is_refused_with_the_remedy(name: str, remedy: str) -> None:
    with pytest.raises(DataError, match=rf"^{re.escape(name)}.*{remedy}"):
        find_kind(name, None)


def test_the_delimiter_is_the_stated_one_or_goes_by_the_suffix() -> None:
    assert [find_delimiter(*one) for one in (("a.csv", None), ("a.tsv", None), ("-", "semicolon"))] == [",", "\t", ";"]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("b.csv", "a.parquet", "_temporary.csv", ".hidden.csv", "b.csv.rejects.csv", "notes.txt", "x[1].csv"):
        Path(name).touch()
    Path("year=1").mkdir()
    Path("year=1/b.csv").touch()
    return tmp_path


def named(parts: list[tuple[Path, Path]], folder: Path) -> dict[str, str]:
    return {str(source.relative_to(folder)): str(target.relative_to(folder)) for source, target in parts}


def test_the_parts_of_a_folder_are_its_files_with_a_known_suffix(folder: Path) -> None:
    assert is_many(".")
    assert named(find_parts(".", Path("out")), folder) == {
        "a.parquet": "out/a.parquet",
        "b.csv": "out/b.csv",
        "x[1].csv": "out/x[1].csv",
    }


def test_the_parts_of_a_pattern_keep_their_subfolders(folder: Path) -> None:
    assert is_many("**/b.csv")
    assert not is_many("x[1].csv")
    found = named(find_parts("**/b.csv", Path("out")), folder)
    assert found == {"b.csv": "out/b.csv", "year=1/b.csv": "out/year=1/b.csv"}


def test_a_pattern_without_files_is_refused(folder: Path) -> None:
    with pytest.raises(DataError, match="no file to score"):
        find_parts("*.pq", folder / "out")


@pytest.mark.parametrize("other", ["b.csv", "year=1/../b.csv", "link.csv", "hard.csv"])
def test_an_output_that_is_the_input_is_refused(folder: Path, other: str) -> None:
    (folder / "link.csv").symlink_to("b.csv")
    (folder / "hard.csv").hardlink_to("b.csv")
    with pytest.raises(DataError, match="is the same file as"):
        check_different(Path("b.csv"), Path(other))
