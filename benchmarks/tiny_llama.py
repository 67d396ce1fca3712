"""A small Llama with nothing in it, to show that fine-tuning works where no model can be fetched.

    python benchmarks/tiny_llama.py runs/tiny-llama --data DIR [--corpus meld] [--width 64] [--layers 3] [--vocabulary 4096]

Writes a checkpoint in Hugging Face form: random weights, and a byte-level BPE tokenizer learned on the utterances of the corpus's training
part and on the prompts that come with convemo.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from convemo import registry
from convemo.checkpoints.load import import_transformers
from convemo.llm.prompt import shipped
from convemo.llm.transcript import line


def make(out: Path, texts: list[str], *, width: int, layers: int, vocabulary: int, seed: int) -> None:
    """Writes the checkpoint."""
    transformers = import_transformers()
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    special = ["<s>", "</s>", "<unk>"]
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    said = [line(number, 1, text) for number, text in enumerate(texts)]
    prompts = [prompt.static() + prompt.question for prompt in shipped()]
    tokenizer.train_from_iterator([*said, *prompts * 50], trainer)  # so often that the prompts' own words become whole tokens
    fast = transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>", unk_token="<unk>")
    torch.manual_seed(seed)
    config = transformers.LlamaConfig(
        vocab_size=len(fast),
        hidden_size=width,
        intermediate_size=width * 8 // 3,
        num_hidden_layers=layers,
        num_attention_heads=max(width // 32, 1),
        num_key_value_heads=max(width // 32, 1),
        max_position_embeddings=4096,
        tie_word_embeddings=True,
        initializer_range=width
        ** -0.5,  # the usual 0.02 leaves so narrow a network nearly linear: attention would take long to find anything
        bos_token_id=fast.bos_token_id,
        eos_token_id=fast.eos_token_id,
    )
    transformers.LlamaForCausalLM(config).save_pretrained(out)
    fast.save_pretrained(out)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--corpus", default="meld")
    parser.add_argument("--width", type=int, default=64)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--vocabulary", type=int, default=4096)
    parser.add_argument("--seed", type=int, default=1)
    told = parser.parse_args()
    dialogues = registry.find("data", told.corpus)(told.data / told.corpus, "train")
    said = [utterance.text or "" for dialogue in dialogues for utterance in dialogue]
    make(told.out, said, width=told.width, layers=told.layers, vocabulary=told.vocabulary, seed=told.seed)
