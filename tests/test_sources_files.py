"""Reading lines and writing files whole or not at all."""

import gzip
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from synthner.schema.errors import DataError
from synthner.sources.files import atomic_path, open_text_lines, write_atomically
from synthner.sources.report import Report


def lines_of(path: Path, report: Report | None = None) -> list[tuple[int, str]]:
    with open_text_lines(path, report=report) as lines:
        return list(lines)


@pytest.mark.parametrize("name", ["notes.txt", "notes.txt.gz"])
def test_what_is_written_is_read_back(tmp_path: Path, name: str):
    path = tmp_path / name
    with write_atomically(path) as stream:
        stream.write("Ọjọ́ kan\n\nmà\r\tlọ")
    assert lines_of(path) == [(1, "Ọjọ́ kan"), (2, ""), (3, "mà\r\tlọ")]
    assert [entry.name for entry in tmp_path.iterdir()] == [name]


def test_gzip_is_recognised_by_content_and_not_by_name(tmp_path: Path):
    packed, plain = tmp_path / "packed.txt", tmp_path / "plain.gz"
    packed.write_bytes(gzip.compress(b"a\nb\n"))
    plain.write_bytes(b"a\nb\n")
    assert lines_of(packed) == lines_of(plain) == [(1, "a"), (2, "b")]


def test_the_same_text_gives_the_same_gzip_bytes(tmp_path: Path):
    for name in ("one.gz", "two.gz"):
        with write_atomically(tmp_path / name) as stream:
            stream.write("same\n" * 100)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()


@pytest.mark.parametrize("interruption", [RuntimeError, KeyboardInterrupt])
def test_an_interrupted_write_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, interruption: type[BaseException]
):
    path = tmp_path / "kept.txt"
    path.write_text("old", encoding="utf-8")

    def write_half():
        with write_atomically(path) as stream:
            stream.write("new")
            raise interruption

    with pytest.raises(interruption):
        write_half()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_atomic_path_replaces_only_at_the_end(tmp_path: Path):
    path = tmp_path / "table.parquet"
    with atomic_path(path) as temporary:
        temporary.write_bytes(b"PAR1")
        assert temporary.parent == path.parent
        assert not path.exists()
    assert path.read_bytes() == b"PAR1"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk_says_so(tmp_path: Path):
    if not Path("/dev/full").exists():
        pytest.skip("this system has no /dev/full to write to")

    def fill():
        with atomic_path(tmp_path / "out.parquet"), Path("/dev/full").open("wb", buffering=0) as full:
            full.write(b"x")

    with pytest.raises(DataError, match="disk is full"):
        fill()
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_a_file_says_so(tmp_path: Path):
    (tmp_path / "taken").write_text("", encoding="utf-8")
    with (
        pytest.raises(DataError, match="cannot be written"),
        write_atomically(tmp_path / "taken" / "out.txt"),
    ):
        pass


def test_marks_and_line_ends_are_reported_once_with_their_count(tmp_path: Path):
    path = tmp_path / "windows.txt"
    path.write_bytes(b"\xef\xbb\xbfa O\nb O\r\nc O\r\n")
    report = Report()
    assert lines_of(path, report) == [(1, "a O"), (2, "b O"), (3, "c O")]
    assert {problem.kind: (problem.count, problem.first.line) for problem in report.problems} == {
        "byte order mark": (1, 1),
        "CRLF line end": (2, 2),
    }


@pytest.mark.parametrize(
    ("content", "message", "line"),
    [
        (b"fine\nfine\ncaf\xe9\n", "not UTF-8", ":3"),
        (b"fine\n" * 100_000 + b"\xff\n", "not UTF-8", ":100001"),
        ("a O\n".encode("utf-16"), "UTF-16", ""),
        (b"\x89PNG\r\n\0\0", "no text file", ""),
        (gzip.compress(b"a\n" * 100_000)[:-20], "damaged or cut short", ""),
        (b"\x1f\x8bnonsense", "damaged or cut short", ""),
    ],
    ids=["latin-1", "far down", "utf-16", "binary", "cut gzip", "no gzip"],
)
def test_what_is_no_text_is_named_with_its_place(tmp_path: Path, content: bytes, message: str, line: str):
    path = tmp_path / "broken.txt"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        lines_of(path)
    assert error.value.where == f"{path}{line}"


@pytest.mark.parametrize("name", ["absent.txt", "."], ids=["absent", "folder"])
def test_what_cannot_be_opened_is_an_error(tmp_path: Path, name: str):
    with pytest.raises(DataError):
        lines_of(tmp_path / name)


@pytest.mark.parametrize("packed", [False, True], ids=["plain", "gzip"])
def test_an_endless_line_is_refused_before_it_fills_the_memory(tmp_path: Path, packed: bool):
    path = tmp_path / "endless.txt"
    with gzip.GzipFile(path, "wb", 1) if packed else path.open("wb") as stream:
        stream.write(b"first\n")
        for _ in range(100):
            stream.write(b"a" * 1_000_000)
    tracemalloc.start()
    with pytest.raises(DataError, match="longer than") as error:
        lines_of(path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.value.where == f"{path}:2"
    assert peak < 10_000_000


@given(st.lists(st.text(st.characters(exclude_characters="\n\r\0", codec="utf-8")), max_size=20))
def test_lines_are_split_at_line_feeds_only(tmp_path_factory: pytest.TempPathFactory, lines: list[str]):
    path = tmp_path_factory.mktemp("lines") / "any.txt"
    lines = ["start", *lines]
    with write_atomically(path) as stream:
        stream.writelines(f"{line}\n" for line in lines)
    assert [line for _, line in lines_of(path)] == lines
