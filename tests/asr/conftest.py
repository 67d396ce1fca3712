"""Checkpoints of Whisper's true architecture with random weights, since real ones cannot be had everywhere.

They say nonsense, so the tests ask only what holds whatever is said: words in order, inside the sound, of the right type.
"""

import json

import numpy as np
import pytest

from convemo.audio import Audio

TEXT_TOKENS = 50257  # the numbering of Whisper's vocabulary, 51865 in all
LANGUAGES = [
    "en", "zh", "de", "es", "ru", "ko", "fr", "ja", "pt", "tr", "pl", "ca", "nl", "ar", "sv", "it", "id", "hi", "fi", "vi",
    "he", "uk", "el", "ms", "cs", "ro", "da", "hu", "ta", "no", "th", "ur", "hr", "bg", "lt", "la", "mi", "ml", "cy", "sk",
    "te", "fa", "lv", "bn", "sr", "az", "sl", "kn", "et", "mk", "br", "eu", "is", "hy", "ne", "mn", "bs", "kk", "sq", "sw",
    "gl", "mr", "pa", "si", "km", "sn", "yo", "so", "af", "oc", "ka", "be", "tg", "sd", "gu", "am", "yi", "lo", "uz", "fo",
    "ht", "ps", "tk", "nn", "mt", "sa", "lb", "my", "bo", "tl", "mg", "as", "tt", "haw", "ln", "ha", "ba", "jw", "su",
]  # fmt: skip
SPECIAL = [
    "<|endoftext|>", "<|startoftranscript|>", *(f"<|{code}|>" for code in LANGUAGES), "<|translate|>", "<|transcribe|>", "<|startoflm|>",
    "<|startofprev|>", "<|nospeech|>", "<|notimestamps|>", *(f"<|{i * 0.02:.2f}|>" for i in range(1501)),
]  # fmt: skip


@pytest.fixture(autouse=True)
def empty_caches(tmp_path, monkeypatch):
    """No weights of the developer's own; a test that wants some puts them there."""
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "HF_ENDPOINT", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def no_network(monkeypatch):
    """Fails the test if anything opens a socket or asks for an address."""
    import socket

    def refuse(*args, **kwargs):
        raise AssertionError(f"the network was touched: {args[1:]}")

    for name in ("connect", "connect_ex", "sendto"):
        monkeypatch.setattr(socket.socket, name, refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.fixture(scope="session")
def voice() -> Audio:
    """Twelve seconds: silence, six of something that the voice detector takes for speech, silence."""
    return Audio.from_array(np.concatenate([np.zeros(48000), babble(6.0), np.zeros(48000)]).astype(np.float32), 16000)


def babble(seconds: float) -> np.ndarray:
    """Vowels on a falling pitch: harmonics of 100-140 Hz under moving formants, with the beat of syllables."""
    t = np.arange(int(seconds * 16000)) / 16000
    pitch = 120 + 20 * np.sin(2 * np.pi * 0.4 * t)
    phase = 2 * np.pi * np.cumsum(pitch) / 16000
    first, second = 500 + 200 * np.sin(2 * np.pi * 1.3 * t), 1500 + 400 * np.sin(2 * np.pi * 0.9 * t)
    sound = np.zeros_like(t)
    for k in range(1, 30):
        gain = np.exp(-(((k * pitch - first) / 150) ** 2)) + 0.5 * np.exp(-(((k * pitch - second) / 200) ** 2))
        sound += gain * np.sin(k * phase)
    return 0.1 * sound * (0.6 + 0.4 * np.sin(2 * np.pi * 4 * t))


WIDTH, HIDDEN, MELS = 32, 64, 80


@pytest.fixture(scope="session")
def whisper_folder(tmp_path_factory):
    """A Whisper in CTranslate2's form: one encoder layer, two decoder layers, every weight drawn. CTranslate2 takes it for English-only."""
    from ctranslate2.specs.whisper_spec import WhisperSpec

    rng = np.random.default_rng(0)
    tokens = text_tokens() + SPECIAL
    spec = WhisperSpec(num_encoder_layers=1, num_encoder_heads=2, num_decoder_layers=2, num_decoder_heads=2)
    fill_encoder(spec.encoder, rng)
    fill_decoder(spec.decoder, rng, tokens)
    spec.register_vocabulary(tokens)
    spec.config.suppress_ids, spec.config.suppress_ids_begin = [], [220, TEXT_TOKENS]
    spec.config.lang_ids = [tokens.index(f"<|{code}|>") for code in LANGUAGES]
    spec.config.alignment_heads = [[1, 0], [1, 1]]
    spec.validate()
    spec.optimize()
    folder = tmp_path_factory.mktemp("weights") / "random"
    folder.mkdir()
    spec.save(str(folder))
    write_tokenizer(folder / "tokenizer.json", tokens)
    return folder


def draw(rng, *shape, scale=0.3):
    return (scale * rng.standard_normal(shape)).astype(np.float32)


def fill_norm(norm):
    norm.gamma, norm.beta = np.ones(WIDTH, np.float32), np.zeros(WIDTH, np.float32)


def fill_linear(linear, rng, rows, columns):
    linear.weight, linear.bias = draw(rng, rows, columns), draw(rng, rows)


def fill_attention(attention, rng, rows):
    fill_norm(attention.layer_norm)
    for linear, count in zip(attention.linear, rows, strict=True):
        fill_linear(linear, rng, count, WIDTH)


def fill_feed_forward(ffn, rng):
    fill_norm(ffn.layer_norm)
    fill_linear(ffn.linear_0, rng, HIDDEN, WIDTH)
    fill_linear(ffn.linear_1, rng, WIDTH, HIDDEN)


def fill_encoder(encoder, rng):
    encoder.conv1.weight, encoder.conv1.bias = draw(rng, WIDTH, MELS, 3), draw(rng, WIDTH)
    encoder.conv2.weight, encoder.conv2.bias = draw(rng, WIDTH, WIDTH, 3), draw(rng, WIDTH)
    encoder.position_encodings.encodings = draw(rng, 1500, WIDTH)
    fill_norm(encoder.layer_norm)
    for layer in encoder.layer:
        fill_attention(layer.self_attention, rng, (3 * WIDTH, WIDTH))  # query, key and value in one
        fill_feed_forward(layer.ffn, rng)


def fill_decoder(decoder, rng, tokens):
    decoder.embeddings.weight = draw(rng, len(tokens), WIDTH, scale=1.0)
    decoder.position_encodings.encodings = draw(rng, 448, WIDTH, scale=1.0)
    fill_norm(decoder.layer_norm)
    for layer in decoder.layer:
        fill_attention(layer.self_attention, rng, (3 * WIDTH, WIDTH))
        fill_attention(layer.attention, rng, (WIDTH, 2 * WIDTH, WIDTH))  # query; key and value; output
        fill_feed_forward(layer.ffn, rng)
    # Peaked, and now and then at its end: a flat model would be decoded six times over, to the full 448 tokens.
    decoder.projection.weight = draw(rng, len(tokens), WIDTH, scale=2.0)
    decoder.projection.bias = np.zeros(len(tokens), np.float32)
    decoder.projection.bias[TEXT_TOKENS] = 36.0


def text_tokens() -> list[str]:
    """The 256 bytes in byte-level BPE's spelling, then as many made-up words with a space before as it takes."""
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    return letters + [f"Ġw{i}" for i in range(TEXT_TOKENS - len(letters))]


def write_tokenizer(path, tokens: list[str]) -> None:
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.decoders import ByteLevel as ByteDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), ByteDecoder()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(path))
    assert json.loads(path.read_text())["model"]["type"] == "BPE"
