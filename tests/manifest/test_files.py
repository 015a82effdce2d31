from __future__ import annotations

import os
from pathlib import Path

import pytest

from portalctl.errors import InputError
from portalctl.manifest.files import MOST_BYTES, digest, read_files
from portalctl.manifest.load import load


def write(folder: Path, *names: str) -> None:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"# {name}\n")


def told(*paths: Path) -> list[str]:
    return [str(finding) for finding in read_files(paths)[1]]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "checkout"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_a_folder_stands_for_its_yaml_files_at_any_depth(here: Path) -> None:
    write(here, "p/b.yml", "p/a.yaml", "p/x/y/c.yaml", "p/notes.txt", "p/.git/d.yaml", "p/.e.yaml", "q/f.yaml")
    files, findings = read_files([Path("./p/")])
    assert [file.shown for file in files] == ["p/a.yaml", "p/b.yml", "p/x/y/c.yaml"]
    assert [file.name for file in files] == ["a.yaml", "b.yml", "x/y/c.yaml"]
    assert files[2].content == b"# p/x/y/c.yaml\n"
    assert findings == []


def test_names_are_shown_as_people_know_them(here: Path) -> None:
    write(here, "p/a.yaml")
    write(here.parent, "other/b.yaml")
    shown = [file.shown for file in read_files([here / "p", Path("../other/./b.yaml")])[0]]
    assert shown == ["../other/b.yaml", "p/a.yaml"]
    assert [file.shown for file in read_files([here.parent / "other"])[0]] == [f"{here.parent}/other/b.yaml"]


def test_a_file_met_twice_counts_once(here: Path) -> None:
    write(here, "p/a.yaml")
    (here / "p/z.yaml").symlink_to("a.yaml")
    both = read_files([Path("p"), Path("p/a.yaml"), here / "p"])
    assert both == read_files([here / "p", Path("p/a.yaml"), Path("p")])
    assert [file.shown for file in both[0]] == ["p/a.yaml"]


def test_links_are_followed_inside_the_folder_only(here: Path) -> None:
    write(here, "p/..data/a.yaml", "p/x/b.yaml")
    write(here.parent, "outside/c.yaml")
    (here / "p/a.yaml").symlink_to("..data/a.yaml")
    (here / "p/x/up").symlink_to("..")
    assert [file.shown for file in read_files([Path("p")])[0]] == ["p/a.yaml", "p/x/b.yaml"]
    (here / "p/out").symlink_to(here.parent / "outside")
    (here / "p/out.yaml").symlink_to(here.parent / "outside/c.yaml")
    (here / "p/gone.yaml").symlink_to("nowhere.yaml")
    assert told(Path("p")) == [
        "p/gone.yaml:1:1: no such file",
        "p/out:1:1: this link leads out of the folder; name its target with a further -f",
        "p/out.yaml:1:1: this link leads out of the folder; name its target with a further -f",
    ]


def test_what_is_not_there_is_told(here: Path) -> None:
    (here / "empty").mkdir()
    (here / "p").mkdir()
    os.mkfifo(here / "p/pipe.yaml")
    with (here / "huge.yaml").open("wb") as huge:
        huge.truncate(MOST_BYTES + 1)
    assert told(Path("nowhere.yaml"), Path("empty"), Path("p"), Path("huge.yaml")) == [
        "nowhere.yaml:1:1: cannot read this file: No such file or directory",
        "empty:1:1: no *.yaml or *.yml file in this folder",
        "p/pipe.yaml:1:1: this is not a file",
        "huge.yaml:1:1: too large: a manifest file has at most 64 MiB",
    ]


def test_nothing_at_all_is_an_error() -> None:
    with pytest.raises(InputError, match="no manifest was given"):
        load([])


def test_the_digest_covers_names_and_bytes_and_not_the_checkout(here: Path) -> None:
    write(here, "one/p/a.yaml", "one/p/x/b.yaml")
    first = digest(read_files([Path("one/p")])[0])
    (here / "one").rename(here / "two")
    assert digest(read_files([here / "two/p"])[0]) == first
    assert first.startswith("sha256:")
    (here / "two/p/a.yaml").rename(here / "two/p/c.yaml")
    renamed = digest(read_files([here / "two/p"])[0])
    (here / "two/p/c.yaml").write_text("# changed\n")
    assert len({first, renamed, digest(read_files([here / "two/p"])[0])}) == 3


def test_a_link_that_leads_round_in_a_circle_is_no_file(here: Path) -> None:
    write(here, "p/a.yaml")
    (here / "p/b.yaml").symlink_to("b.yaml")
    (here / "p/notes").symlink_to("notes")
    assert told(Path("p")) == ["p/b.yaml:1:1: no such file"]


def test_a_path_that_no_file_can_have_is_an_error_with_it(here: Path) -> None:
    name = "x" * 300 + ".yaml"
    assert told(here / name) == [f"{name}:1:1: cannot read this file: File name too long"]


def test_a_file_asked_for_by_a_link_too_has_its_own_name(here: Path) -> None:
    write(here, "p/teams/a.yaml")
    (here / "p/z.yaml").symlink_to("teams/a.yaml")
    (here / "p/b").symlink_to("teams")
    for more in ("p/z.yaml", "p/b", "p/b/a.yaml"):
        assert [file.shown for file in read_files([Path(more), Path("p")])[0]] == ["p/teams/a.yaml"]
