"""Writes a checkpoint as a Hugging Face model folder, beside its tokenizer.json and chat_template.jinja."""

import argparse
import json
import struct
from pathlib import Path

import torch

import bpe
import chat
import train

END_OF_TURN, PADDING = "<|im_end|>", "<|endoftext|>"


def write_safetensors(tensors, path):
    """bfloat16, rounded to nearest even; the header is padded with spaces so that the data begins at a multiple of eight."""
    header, chunks, offset = {"__metadata__": {"format": "pt"}}, [], 0
    for name, tensor in sorted(tensors.items()):
        data = tensor.detach().to(torch.bfloat16).contiguous().view(torch.int16).numpy().tobytes()
        header[name] = {"dtype": "BF16", "shape": list(tensor.shape), "data_offsets": [offset, offset + len(data)]}
        chunks.append(data)
        offset += len(data)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(chunks))


def model_config(config, tokenizer):
    return {
        "architectures": ["Qwen3ForCausalLM"], "model_type": "qwen3", "attention_bias": False, "attention_dropout": 0.0,
        "bos_token_id": None, "eos_token_id": tokenizer.special[END_OF_TURN], "pad_token_id": tokenizer.special[PADDING],
        "head_dim": config.head_dim, "hidden_act": "silu", "hidden_size": config.hidden_size, "initializer_range": 0.02,
        "intermediate_size": config.intermediate_size, "max_position_embeddings": config.max_position_embeddings,
        "num_attention_heads": config.num_attention_heads, "num_hidden_layers": config.num_hidden_layers,
        "num_key_value_heads": config.num_key_value_heads, "rms_norm_eps": config.rms_norm_eps, "rope_scaling": None,
        "rope_theta": config.rope_theta, "sliding_window": None, "tie_word_embeddings": True, "torch_dtype": "bfloat16",
        "use_cache": True, "use_sliding_window": False, "vocab_size": config.vocab_size,
    }


def tokenizer_config(tokenizer, max_length):
    return {
        "add_bos_token": False, "add_prefix_space": False,
        "added_tokens_decoder": {str(token["id"]): {key: value for key, value in token.items() if key != "id"}
                                 for token in tokenizer.to_json()["added_tokens"]},
        "additional_special_tokens": ["<|im_start|>", END_OF_TURN], "bos_token": None, "clean_up_tokenization_spaces": False,
        "eos_token": END_OF_TURN, "errors": "replace", "model_max_length": max_length, "pad_token": PADDING,
        "split_special_tokens": False, "tokenizer_class": "Qwen2Tokenizer", "unk_token": None,
    }


def write_json(content, path):
    path.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("--out", type=Path, default=chat.TEMPLATE.parent)
    options = parser.parse_args()
    model, tokenizer = train.load(options.checkpoint), bpe.Tokenizer.load(options.out / "tokenizer.json")
    write_safetensors(dict(model.named_parameters()), options.out / "model.safetensors")
    write_json(model_config(model.config, tokenizer), options.out / "config.json")
    write_json(tokenizer_config(tokenizer, model.config.max_position_embeddings), options.out / "tokenizer_config.json")
    write_json({"do_sample": True, "temperature": 1.0, "eos_token_id": tokenizer.special[END_OF_TURN],
                "pad_token_id": tokenizer.special[PADDING]}, options.out / "generation_config.json")


if __name__ == "__main__":
    main()
