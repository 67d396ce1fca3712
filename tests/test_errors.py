"""What every error carries, wherever it goes."""

import pickle

import pytest

from convemo import AudioError, ConfigError, LimitExceeded, TranscriptError


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("a role", "'boss'", "Name another."),
        AudioError("a.wav", "a recording", "an empty file"),
        LimitExceeded("a.wav", "at most 8 channels", "9"),
        TranscriptError("a.vtt", "a cue time", "'00:13 ->'", line=112),
    ],
)
def test_an_error_comes_through_from_another_process_as_it_was(error):
    back = pickle.loads(pickle.dumps(error))
    assert (type(back), str(back), vars(back)) == (type(error), str(error), vars(error))
