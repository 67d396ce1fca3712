from importlib.util import find_spec

import numpy as np
import pytest

from convemo.asr import pocketsphinx
from convemo.asr.pocketsphinx import PocketSphinx
from convemo.audio import Audio, load
from convemo.errors import ConfigError, EngineUnavailable

installed = pytest.mark.skipif(find_spec("pocketsphinx") is None, reason="pocketsphinx is not installed")


@installed
@pytest.mark.data
def test_some_of_a_famous_sentence_is_heard_in_order(data_root, no_network):
    audio = load(data_root / "conversations" / "jfk.flac")
    transcript = PocketSphinx(language="en", offline=True).transcribe(audio)
    words = [word for segment in transcript.segments for word in segment.words]
    assert {"fellow", "country", "you"} <= {word.text for word in words}
    times = [t for word in words for t in (word.start, word.end)]
    assert times == sorted(times) and times[0] >= 0.0 and times[-1] <= audio.duration_s
    assert all(0 <= word.confidence <= 1 for word in words)
    assert not any(set(word.text) & set("<>[]()+") for word in words)


@installed
def test_silence_has_no_words():
    assert PocketSphinx().transcribe(Audio.from_array(np.zeros(16000 * 5, np.float32), 16000)).segments == ()


@installed
def test_another_language_or_device_is_refused():
    with pytest.raises(ConfigError, match="'pl'"):
        PocketSphinx(language="pl")
    with pytest.raises(ConfigError, match="'cuda'"):
        PocketSphinx(device="cuda")


def test_where_the_package_is_missing_the_command_installs_it(monkeypatch):
    monkeypatch.setattr(pocketsphinx, "find_spec", lambda name: None)
    assert PocketSphinx.availability().mend == "pip install 'convemo[pocketsphinx]'"
    with pytest.raises(EngineUnavailable, match=r"pip install 'convemo\[pocketsphinx\]'"):
        PocketSphinx()
