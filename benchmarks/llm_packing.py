"""How many tokens a fine-tuning computes when prompts share rows, against prompt by prompt.

    python benchmarks/llm_packing.py CHECKPOINT --data DIR [--prompts compact,zero-shot,few-shot] [--sizes 1024,2048,4096]

One epoch of MELD's training part, batches as `convemo train llm` draws them (64 utterances, 8 of a conversation together, one random order
of the options each). Only the checkpoint's tokenizer is read.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from convemo import registry
from convemo.checkpoints.folder import find
from convemo.checkpoints.load import load_processor
from convemo.llm.option_tokens import PromptTokens
from convemo.llm.prompt import Prompt
from convemo.training.llm_examples import Examples
from convemo.training.llm_packing import pack_prompts

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("checkpoint")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--prompts", default="compact,zero-shot,few-shot")
    parser.add_argument("--sizes", default="1024,2048,4096")
    parser.add_argument("--batches", type=int, default=10, help="Of the 156 batches of an epoch, so many are counted.")
    told = parser.parse_args()
    tokenizer = load_processor(find(told.checkpoint), "text")
    dialogues = registry.find("data", "meld")(told.data / "meld", "train")
    print("| prompt | tokens a prompt | " + " | ".join(f"rows of {size}" for size in told.sizes.split(",")) + " |")
    print("| --- " + "| ---: " * (1 + len(told.sizes.split(","))) + "|")
    for name in told.prompts.split(","):
        examples = Examples(dialogues, Prompt.load(name), PromptTokens(tokenizer, 16_384))
        chance = np.random.default_rng(1)
        counted = []
        for batch in examples.batches(64, 8, chance)[: told.batches]:
            counted += [[e.prompt for several in examples.of(batch, examples.random_orders(len(batch), chance)) for e in several]]
        whole = sum(len(prompt) for prompts in counted for prompt in prompts)
        shares = []
        for size in map(int, told.sizes.split(",")):
            shares.append(sum(len(pack) for prompts in counted for pack in pack_prompts(prompts, size)) / whole)
        print(f"| {name} | {whole / sum(map(len, counted)):.0f} | " + " | ".join(f"{100 * share:.0f} %" for share in shares) + " |")
