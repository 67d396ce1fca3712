"""A Whisper of the true architecture whose every weight is drawn: ``python benchmarks/random_whisper.py FOLDER [--layers 4 …]``.

It says nonsense, yet loads, encodes, decodes and aligns as a trained one does, in the same time. FOLDER/transformers holds it
in the form of transformers, FOLDER/ct2 converted for CTranslate2 and faster-whisper. The defaults are the measures of
``tiny`` (Radford et al. 2022, arXiv:2212.04356, table 1). Needs transformers and torch.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from convemo.audio.torchaudio import mend_torchaudio

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


def make(
    folder: Path,
    *,
    width: int = 384,
    layers: int = 4,
    heads: int = 6,
    multilingual: bool = True,
    end: float = 0.0,
    seed: int = 0,
) -> Path:
    """Writes the model, and gives the folder for CTranslate2.

    Args:
        width: of the residual stream; a multiple of `heads`.
        end: added to the logit of the end of the text, in units of what logits vary by: above 4 it comes soon, at -10 never.
    """
    import torch

    mend_torchaudio()  # before transformers imports it
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
    torch.manual_seed(seed)
    tokens = vocabulary(multilingual)
    end_of_text = tokens.index("<|endoftext|>")
    measures = {"layers": layers, "attention_heads": heads, "ffn_dim": 4 * width}
    config = WhisperConfig(
        vocab_size=len(tokens),
        d_model=width,
        **{f"{side}_{name}": value for side in ("encoder", "decoder") for name, value in measures.items()},
        decoder_start_token_id=end_of_text + 1,
        **{name: end_of_text for name in ("eos_token_id", "bos_token_id", "pad_token_id")},
        begin_suppress_tokens=[220, end_of_text],
        suppress_tokens=[],
    )
    model = WhisperForConditionalGeneration(config).eval()
    with torch.no_grad():
        for name, tensor in model.named_parameters():
            if tensor.dim() > 1 and "conv" not in name:
                # Places weigh more than the token before, which would repeat itself for ever.
                tensor.normal_(std=4.0 if "decoder.embed_positions" in name else width**-0.5 if "proj" in name or "fc" in name else 1.0)
        # One dimension of the output is the same for every text, and the logit of the end has a weight on it that no other has.
        model.model.decoder.layer_norm.bias[0] = width**0.5
        model.model.decoder.embed_tokens.weight[:, 0] = 0.0
        model.model.decoder.embed_tokens.weight[end_of_text, 0] = end
    model.generation_config._from_model_config = False  # else it is not read back
    model.generation_config.lang_to_id = {f"<|{code}|>": tokens.index(f"<|{code}|>") for code in LANGUAGES}
    model.save_pretrained(folder / "transformers")
    write_tokenizer(folder / "transformers", tokens)
    (folder / "transformers" / "preprocessor_config.json").write_text(json.dumps({"feature_size": 80}))
    copied = ["tokenizer.json", "preprocessor_config.json"]
    TransformersConverter(str(folder / "transformers"), copy_files=copied).convert(str(folder / "ct2"))
    return folder / "ct2"


def vocabulary(multilingual: bool) -> list[str]:
    """As long as Whisper's, with its special tokens in their places: 51,865 tokens, or 51,864 for English alone.

    The 256 bytes in byte-level BPE's spelling, then made-up words with a space before. The multilingual vocabulary has an
    empty token too: CTranslate2 tells the two apart by it.
    """
    from tokenizers.pre_tokenizers import ByteLevel

    letters = sorted(ByteLevel.alphabet())
    words = [f"Ġw{i}" for i in range(50256 - len(letters))]
    return [*letters, *words, *([""] if multilingual else []), *SPECIAL]


def write_tokenizer(folder: Path, tokens: list[str]) -> None:
    """Writes the tokenizer of a vocabulary, without merges: any text is spelt in bytes."""
    from tokenizers import AddedToken, Tokenizer
    from tokenizers.decoders import ByteLevel as ByteDecoder
    from tokenizers.models import BPE
    from tokenizers.pre_tokenizers import ByteLevel

    tokenizer = Tokenizer(BPE(vocab={token: index for index, token in enumerate(tokens)}, merges=[]))
    tokenizer.pre_tokenizer, tokenizer.decoder = ByteLevel(add_prefix_space=False), ByteDecoder()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": "<|endoftext|>"}
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for name, value in (("width", 384), ("layers", 4), ("heads", 6), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--english", action="store_true", help="know English only")
    parser.add_argument("--end", type=float, default=0.0, help="how likely the text ends: above 4 soon, at -10 never")
    arguments = parser.parse_args()
    print(make(arguments.folder, width=arguments.width, layers=arguments.layers, heads=arguments.heads,
               multilingual=not arguments.english, end=arguments.end, seed=arguments.seed))  # fmt: skip


if __name__ == "__main__":
    main()
