"""What a training batch may do to a clip, setting by setting, and what an error costs."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from convemo.acoustic.description import BAND_LEVELS, DESCRIPTION  # noqa: E402
from convemo.features import BANDS, ENERGY, F0, MEL, RATE_HZ, extract, hz_of_band  # noqa: E402
