"""A file is there whole, or not at all."""

import os
import stat

import pytest

from convemo.errors import ResultError
from convemo.export.atomic import writing


def test_the_file_appears_when_the_block_ends(tmp_path):
    path = tmp_path / "new" / "a.txt"
    with writing(path) as file:
        file.write("whole\n")
        assert not path.exists()
    assert path.read_bytes() == b"whole\n"
    assert os.listdir(path.parent) == ["a.txt"]


def test_a_folder_that_cannot_be_synced_is_no_failure(tmp_path, monkeypatch):
    sync = os.fsync

    def no_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(22, "Invalid argument")  # as on some network file systems
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", no_folders)
    with writing(tmp_path / "a.txt") as file:
        file.write("whole\n")
    assert os.listdir(tmp_path) == ["a.txt"]


def test_a_block_that_fails_leaves_what_was_there(tmp_path):
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError), writing(tmp_path / "a.txt") as file:
        file.write("new")
        raise RuntimeError
    assert (tmp_path / "a.txt").read_text() == "old"
    assert os.listdir(tmp_path) == ["a.txt"]


def test_colleagues_may_read_the_file_as_any_other(tmp_path):
    with writing(tmp_path / "a.txt") as file:
        file.write("x")
    (tmp_path / "b.txt").write_text("x")
    assert (tmp_path / "a.txt").stat().st_mode == (tmp_path / "b.txt").stat().st_mode


def test_a_link_in_the_output_folder_is_replaced_not_followed(tmp_path):
    (tmp_path / "elsewhere").write_text("precious")
    (tmp_path / "a.txt").symlink_to(tmp_path / "elsewhere")
    with writing(tmp_path / "a.txt") as file:
        file.write("new")
    assert (tmp_path / "elsewhere").read_text() == "precious"
    assert (tmp_path / "a.txt").read_text() == "new"


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ResultError, match="a file that can be written"), writing(tmp_path / "file" / "a.txt"):
        pass
    (tmp_path / "folder").mkdir()
    with pytest.raises(ResultError, match="folder"), writing(tmp_path / "folder") as file:
        file.write("x")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"]
