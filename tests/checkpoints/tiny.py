"""Checkpoints of the true architectures, tiny and with random weights, in the form in which the hub keeps them."""

import json
import re
from pathlib import Path

WORDS = re.findall(r"\S+", "wonderful terrible so sad i am happy angry it is the a what no yes oh great awful scared ok fine . ! ? , : b")
SEVEN = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")

_SHAPE = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "max_position_embeddings": 40,
    "vocab_size": 64,
    "pad_token_id": 0,
}
_SPEECH = {
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 24,
    "conv_dim": (8, 8, 8),
    "conv_stride": (5, 8, 8),
    "conv_kernel": (10, 8, 8),
    "num_feat_extract_layers": 3,
    "num_conv_pos_embeddings": 8,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 12,
    "num_buckets": 16,
}
TEXT = {
    "bert": ("Bert", _SHAPE),
    "roberta": ("Roberta", _SHAPE | {"type_vocab_size": 1}),
    "xlm-roberta": ("XLMRoberta", _SHAPE | {"type_vocab_size": 1}),
    "deberta-v2": ("DebertaV2", _SHAPE | {"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False}),
    "distilbert": (
        "DistilBert",
        {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 40, "vocab_size": 64, "pad_token_id": 0},
    ),
}
ACOUSTIC = {
    "wav2vec2": ("Wav2Vec2", _SPEECH),
    "hubert": ("Hubert", _SPEECH),
    "wavlm": ("WavLM", _SPEECH),
    "whisper": (
        "Whisper",
        {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 24, "decoder_layers": 1}
        | {"decoder_attention_heads": 2, "decoder_ffn_dim": 24, "vocab_size": 64, "classifier_proj_size": 12, "num_mel_bins": 80}
        | {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2, "decoder_start_token_id": 1},
    ),
}


def text_checkpoint(
    folder: Path, kind: str = "bert", labels=SEVEN, task: str = "ForSequenceClassification", seed: int = 1, **config
) -> Path:
    """A text model that gives these labels, with a tokenizer of whole words."""
    name, shape = TEXT[kind]
    _save(folder, name, shape | config, labels, task, seed)
    tokenizer(folder)
    return folder


def acoustic_checkpoint(folder: Path, kind: str = "wav2vec2", labels=SEVEN, rate_hz: int = 16_000, seed: int = 1, **config) -> Path:
    """A speech model that gives these labels, with its feature extractor."""
    from convemo.checkpoints.load import import_transformers

    transformers = import_transformers()
    name, shape = ACOUSTIC[kind]
    task = "ForAudioClassification" if kind == "whisper" else "ForSequenceClassification"
    _save(folder, name, shape | config, labels, task, seed)
    extractor = (
        transformers.WhisperFeatureExtractor() if kind == "whisper" else transformers.Wav2Vec2FeatureExtractor(sampling_rate=rate_hz)
    )
    extractor.save_pretrained(folder)
    return folder


def _save(folder: Path, name: str, shape: dict, labels, task: str, seed: int) -> None:
    import torch

    from convemo.checkpoints.load import import_transformers

    transformers = import_transformers()
    torch.manual_seed(seed)
    named = {} if labels is None else {"id2label": dict(enumerate(labels)), "label2id": {label: i for i, label in enumerate(labels)}}
    config = getattr(transformers, f"{name}Config")(**shape, **named)
    model = getattr(transformers, f"{name}{task}")(config)
    for parameter in model.parameters():  # the usual start gives logits so small that all texts score alike
        parameter.data += torch.randn_like(parameter) * 0.2
    model.save_pretrained(folder)


def tokenizer(folder: Path) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    vocabulary = {word: i for i, word in enumerate([*special, *dict.fromkeys(WORDS)])}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    words.normalizer = normalizers.Lowercase()
    words.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    words.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    PreTrainedTokenizerFast(tokenizer_object=words, **names).save_pretrained(folder)


def edit_config(folder: Path, **changes) -> None:
    """Changes a checkpoint's config.json; ``None`` takes a field away."""
    path = folder / "config.json"
    config = json.loads(path.read_text()) | changes
    path.write_text(json.dumps({name: value for name, value in config.items() if value is not None}))
