"""Language models of the true architectures, tiny and with random weights, in the form in which the hub keeps them."""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from convemo.llm.base import Question

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|im_start|>", "<|im_end|>"]
LETTERS = tuple("ABCDEFG")
LABELS = ("neutral", "joy", "sadness", "anger", "fear", "disgust", "surprise")

_LLAMA = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "intermediate_size": 48,
    "max_position_embeddings": 2048,
}
_SLIDING = _LLAMA | {"sliding_window": 9, "head_dim": 8}
_GPT2 = {"n_embd": 32, "n_layer": 2, "n_head": 4, "n_positions": 2048}
ARCHITECTURES: dict[str, tuple[str, str, dict[str, Any]]] = {
    "llama": ("LlamaConfig", "LlamaForCausalLM", _LLAMA),
    "qwen2": ("Qwen2Config", "Qwen2ForCausalLM", _LLAMA),
    "qwen3": ("Qwen3Config", "Qwen3ForCausalLM", _LLAMA | {"head_dim": 8}),
    "mistral": ("MistralConfig", "MistralForCausalLM", _LLAMA | {"sliding_window": 9}),
    "gemma2": ("Gemma2Config", "Gemma2ForCausalLM", _SLIDING | {"query_pre_attn_scalar": 8}),
    "gemma3": ("Gemma3TextConfig", "Gemma3ForCausalLM", _SLIDING | {"query_pre_attn_scalar": 8, "num_hidden_layers": 7}),
    "phi": ("PhiConfig", "PhiForCausalLM", _LLAMA),
    "phi3": ("Phi3Config", "Phi3ForCausalLM", _LLAMA | {"sliding_window": 9, "pad_token_id": 0}),
    "gpt2": ("GPT2Config", "GPT2LMHeadModel", _GPT2),
    "gpt-neox": ("GPTNeoXConfig", "GPTNeoXForCausalLM", {k: v for k, v in _LLAMA.items() if k != "num_key_value_heads"}),
    "bloom": ("BloomConfig", "BloomForCausalLM", {"hidden_size": 32, "n_layer": 2, "n_head": 4, "seq_length": 2048}),
    "cohere": ("CohereConfig", "CohereForCausalLM", _LLAMA | {"logit_scale": 0.5}),
    "gpt-oss": ("GptOssConfig", "GptOssForCausalLM", _SLIDING | {"num_local_experts": 4, "num_experts_per_tok": 2}),
    "mamba": ("MambaConfig", "MambaForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}),
    "lfm2": ("Lfm2Config", "Lfm2ForCausalLM", _LLAMA | {"layer_types": ["conv", "full_attention"]}),
}

_FEW = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
_EXPERTS = {"n_routed_experts": 4, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2, "moe_intermediate_size": 16}
_LATENT = {"q_lora_rank": 16, "kv_lora_rank": 16, "qk_rope_head_dim": 8, "qk_nope_head_dim": 8, "v_head_dim": 12}
_LINEAR = {"linear_num_value_heads": 4, "linear_num_key_heads": 2, "linear_key_head_dim": 8, "linear_value_head_dim": 8}
RARER: dict[str, tuple[str, str, dict[str, Any]]] = {
    "falcon": ("FalconConfig", "FalconForCausalLM", _FEW | {"alibi": True}),
    "mpt": ("MptConfig", "MptForCausalLM", {"d_model": 32, "n_layers": 2, "n_heads": 4, "max_seq_len": 2048}),
    "opt": ("OPTConfig", "OPTForCausalLM", _FEW | {"ffn_dim": 48, "max_position_embeddings": 2048, "word_embed_proj_dim": 32}),
    "cohere2": ("Cohere2Config", "Cohere2ForCausalLM", _LLAMA | {"sliding_window": 9}),
    "granite": ("GraniteConfig", "GraniteForCausalLM", _LLAMA | {"logits_scaling": 3.0}),
    "deepseek-v3": (
        "DeepseekV3Config",
        "DeepseekV3ForCausalLM",
        _LLAMA | _EXPERTS | _LATENT | {"num_key_value_heads": 4, "first_k_dense_replace": 1, "n_shared_experts": 1},
    ),
    "olmo2": ("Olmo2Config", "Olmo2ForCausalLM", _LLAMA),
    "stablelm": ("StableLmConfig", "StableLmForCausalLM", _LLAMA),
    "llama4": (
        "Llama4TextConfig",
        "Llama4ForCausalLM",
        _LLAMA | {"attention_chunk_size": 16, "head_dim": 8, "num_local_experts": 2, "intermediate_size_mlp": 48},
    ),
    "gpt-j": ("GPTJConfig", "GPTJForCausalLM", _GPT2 | {"rotary_dim": 4}),
    "codegen": ("CodeGenConfig", "CodeGenForCausalLM", _GPT2 | {"rotary_dim": 4}),
    "mamba2": (
        "Mamba2Config",
        "Mamba2ForCausalLM",
        {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8, "num_heads": 8, "head_dim": 8, "n_groups": 2},
    ),
    "qwen3-next": (
        "Qwen3NextConfig",
        "Qwen3NextForCausalLM",
        _LLAMA
        | _LINEAR
        | {"head_dim": 8, "layer_types": ["linear_attention", "full_attention"], "num_experts": 0, "mlp_only_layers": [0, 1]},
    ),
    "recurrent-gemma": (
        "RecurrentGemmaConfig",
        "RecurrentGemmaForCausalLM",
        _FEW | {"num_hidden_layers": 3, "intermediate_size": 96, "lru_width": 32, "attention_window_size": 16, "head_dim": 8},
    ),
    "rwkv": ("RwkvConfig", "RwkvForCausalLM", {"hidden_size": 32, "num_hidden_layers": 2, "context_length": 2048}),
}
"""Tried too, but not every time."""


def tiny_network(kind: str = "llama", vocabulary: int = 300, seed: int = 1, **config: Any) -> Any:
    """A network whose answers depend on what it reads."""
    import torch

    from convemo.checkpoints.load import import_transformers, quiet

    transformers = import_transformers()
    config_name, name, shape = (ARCHITECTURES | RARER)[kind]
    torch.manual_seed(seed)
    with quiet(transformers):
        ends = {"bos_token_id": 0, "eos_token_id": 1}
        model = getattr(transformers, name)(getattr(transformers, config_name)(**{"vocab_size": vocabulary} | ends | shape | config))
    for parameter in model.parameters():  # the usual start gives scores so small that everything reads alike
        parameter.data += torch.randn_like(parameter) * 0.15
    return model.eval()


@cache
def _tokenizer() -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=300, special_tokens=SPECIAL, initial_alphabet=alphabet, show_progress=False)
    made.train_from_iterator(
        ['{"id": "u1", "text": "so it is what it is"}\n' * 9, "Which emotion does the speaker express? A B C D E F G"], trainer
    )
    return made


def tokenizer(template: str | None = CHATML, **names: str) -> Any:
    """Byte pairs, as GPT-2 and most after it."""
    from convemo.checkpoints.load import import_transformers

    made = import_transformers().PreTrainedTokenizerFast(tokenizer_object=_tokenizer(), eos_token="<|im_end|>", **names)
    made.chat_template = template
    return made


def tiny_lm(folder: Path, kind: str = "llama", template: str | None = CHATML, seed: int = 1, **config: Any) -> Path:
    """A checkpoint's folder."""
    made = tokenizer(template)
    tiny_network(kind, len(made), seed, **config).save_pretrained(folder)
    made.save_pretrained(folder)
    return folder


def question(index: int, since: int = 0, shift: int = 0, options: tuple[str, ...] = LETTERS) -> Question:
    """The question about utterance `index` of an endless conversation, its options shifted."""
    said = [f'{{"id": "u{i}", "text": "so it is {"what" if i % 3 else "it"} {i}"}}' for i in range(index + 1)]
    labels = LABELS[shift:] + LABELS[:shift]
    asked = "".join(f"\n{option} {label}" for option, label in zip(options, labels))
    target = f"{said[-1]}\nWhich emotion is in u{index}?{asked}\nAnswer:"
    return Question("Judge which emotion is expressed.", tuple(said[since:-1]), target, options, labels[: len(options)])


def stories_folder() -> Path:
    """stories260K, a real model of 260,000 parameters: ``CONVEMO_WEIGHTS``, else ``../shared/weights`` beside the checkout, or a skip."""
    root = Path(os.environ.get("CONVEMO_WEIGHTS") or Path(__file__).parents[3] / "shared" / "weights")
    if not (root / "stories260K" / "config.json").is_file():
        pytest.skip(f"no stories260K in {root}; set CONVEMO_WEIGHTS to the folder that holds it")
    return root / "stories260K"
