"""The speaker embedding."""

import shutil

import numpy as np
import pytest

from convemo.diarize.encoder import BANDS, FRAMES, SpeakerEncoder, mel_power
from convemo.errors import EngineUnavailable
from convemo.weights import ROOT


def test_the_mel_power_is_librosas():
    librosa = pytest.importorskip("librosa")
    samples = np.random.default_rng(0).normal(0, 0.1, 32_000).astype(np.float32)
    expected = librosa.feature.melspectrogram(y=samples, sr=16_000, n_fft=400, hop_length=160, n_mels=BANDS).T
    np.testing.assert_allclose(mel_power(samples), expected, rtol=1e-3, atol=1e-5)


def test_embeddings_have_length_one_and_level_does_not_matter(voices):
    windows = mel_power(voices(("low", 2.0)))[None, :FRAMES]
    encoder = SpeakerEncoder()
    loud, soft = encoder.embed(windows)[0], encoder.embed(windows * 1e-4)[0]
    assert np.linalg.norm(loud) == pytest.approx(1.0, abs=1e-5)
    np.testing.assert_allclose(loud, soft, atol=1e-3)


def test_no_windows_have_no_embeddings():
    assert SpeakerEncoder().embed(np.zeros((0, FRAMES, BANDS), np.float32)).shape == (0, 256)


def test_damaged_weights_are_refused(tmp_path):
    folder = shutil.copytree(ROOT / "speaker", tmp_path / "speaker")
    network = folder / "model.int8.onnx"
    network.chmod(0o644)
    network.write_bytes(network.read_bytes()[:-1] + b"x")
    with pytest.raises(EngineUnavailable, match="sha256"):
        SpeakerEncoder(folder)


@pytest.mark.data
def test_a_voice_is_more_like_itself_than_like_another(data_root):
    from convemo.training.acoustic_clips import read_clip
    from convemo.training.speaker_trials import windows_of

    encoder = SpeakerEncoder()

    def voice(actor: str, statement: str) -> np.ndarray:
        clip = data_root / "ravdess" / f"Actor_{actor}" / f"03-01-01-01-{statement}-01-{actor}.flac"
        return encoder.embed(windows_of(read_clip(clip))).mean(axis=0)

    man, same_man, woman = voice("01", "01"), voice("01", "02"), voice("02", "01")
    assert man @ same_man > man @ woman + 0.1
