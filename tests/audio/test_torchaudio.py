from __future__ import annotations

import sys

import pytest

from convemo.audio.torchaudio import mend_torchaudio


def test_a_torchaudio_whose_compiled_part_does_not_load_is_mended(monkeypatch, tmp_path):
    package = tmp_path / "torchaudio"
    (package / "_extension").mkdir(parents=True)
    (package / "__init__.py").write_text("from . import _extension\nfrom ._extension import fail_if_no_align\nloaded = True\n")
    (package / "_extension" / "__init__.py").write_text("raise OSError('libcudart.so.13: cannot open shared object file')\n")
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)
    mend_torchaudio()
    torchaudio = sys.modules["torchaudio"]
    assert torchaudio.loaded and torchaudio._extension._IS_TORCHAUDIO_EXT_AVAILABLE is False
    with pytest.raises(RuntimeError, match="compiled part"):
        torchaudio.fail_if_no_align(lambda: None)()
    for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
        del sys.modules[name]  # not by monkeypatch, which would put it back
