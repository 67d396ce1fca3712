"""torchaudio where its compiled part does not load: PyPI's is linked with CUDA, and fails beside a CPU torch.

pyannote and transformers import torchaudio, and use only its Python part here.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from importlib import import_module
from types import ModuleType

_log = logging.getLogger(__name__)


def mend_torchaudio() -> None:
    """Imports torchaudio; where its compiled part does not load, with an empty one in its place. Nothing where there is no torchaudio."""
    try:
        import_module("torchaudio")
    except ImportError:
        return
    except OSError as error:
        _log.info("torchaudio's compiled part does not load (%s); going on without it", error)
        for name in [name for name in sys.modules if name.split(".")[0] == "torchaudio"]:
            del sys.modules[name]
        stand_in = ModuleType("torchaudio._extension")
        stand_in._IS_TORCHAUDIO_EXT_AVAILABLE = stand_in._IS_ALIGN_AVAILABLE = False
        stand_in.fail_if_no_align = _fail_if_no_align
        sys.modules["torchaudio._extension"] = stand_in
        import_module("torchaudio")


def _fail_if_no_align(function: Callable) -> Callable:
    def fail(*_args: object, **_settings: object):
        raise RuntimeError(f"torchaudio's compiled part is not loaded: {function.__name__} does not work")

    return fail
