"""Trains the model: on endless copying practice, or on a file of demonstrations from a practised checkpoint."""

import argparse
import dataclasses
import json
import math
import os
import random
import time
from pathlib import Path

import torch
import torch.distributed
import torch.multiprocessing
from torch.nn import functional

import bpe
import chat
import practice
from model import Config, Qwen3
from muon import Muon

POOL = 64  # batches whose episodes are sorted by length together, so that little is padded


def encode(tokenizer, template, messages, tools):
    """Token ids, and for each whether the assistant wrote it."""
    ids, written = [], []
    for text, role in chat.segments(template, messages, tools):
        piece = tokenizer.encode(text)
        ids += piece
        written += [role == "assistant"] * len(piece)
    return ids, written


def demonstrations(path, seed):
    """Passes over the file in a new order each time, without end."""
    source = random.Random(seed)
    lines = path.read_text(encoding="utf-8").splitlines()
    while True:
        source.shuffle(lines)
        for line in lines:
            demonstration = json.loads(line)
            yield demonstration["messages"], demonstration["tools"]


def mixture(path, practice_share, seed):
    """Practice and demonstrations, drawn anew for each episode."""
    source, practised = random.Random(seed), practice.episodes(seed)
    demonstrated = demonstrations(path, seed) if path else practised
    while True:
        yield next(practised if source.random() < practice_share else demonstrated)


def batches(episodes, tokenizer, seed, size):
    template, source = chat.load_template(), random.Random(seed)
    while True:
        pool = sorted((encode(tokenizer, template, *next(episodes)) for _ in range(POOL * size)), key=lambda episode: len(episode[0]))
        groups = [pool[i:i + size] for i in range(0, len(pool), size)]
        source.shuffle(groups)
        for group in groups:
            length = max(len(ids) for ids, _ in group)
            ids = torch.zeros(size, length, dtype=torch.long)
            kind = torch.zeros(size, length, dtype=torch.long)  # 0 padding, 1 context, 2 written by the assistant
            for row, (tokens, written) in enumerate(group):
                ids[row, :len(tokens)] = torch.tensor(tokens)
                kind[row, :len(tokens)] = 1 + torch.tensor(written, dtype=torch.long)
            yield ids, kind


def losses(model, ids, kind, context_weight):
    """Mean loss over assistant tokens, and the sum to minimise: that plus the weighted mean over context tokens."""
    targets, kind = ids[:, 1:], kind[:, 1:]
    chosen = kind > 0 if context_weight > 0 else kind == 2
    each = functional.cross_entropy(model.logits(model.hidden(ids[:, :-1])[chosen]), targets[chosen], reduction="none")
    own = each[kind[chosen] == 2].mean()
    return own, own if context_weight == 0 else own + context_weight * each[kind[chosen] == 1].mean()


def schedule(step, steps, warmup, decay):
    """Linear warm-up, constant, and a cosine descent to 2% over the last share of the steps."""
    if step < warmup:
        return (step + 1) / warmup
    start = steps * (1 - decay)
    if step < start:
        return 1.0
    return 0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * (step - start) / (steps - start)))


def save(model, path):
    torch.save({"config": dataclasses.asdict(model.config), "model": model.state_dict()}, path)


def load(path):
    saved = torch.load(path)
    model = Qwen3(Config(**saved["config"]))
    model.load_state_dict(saved["model"])
    return model


def parse_options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--demonstrations", type=Path, help="JSON lines; without them the model practises copying")
    parser.add_argument("--practice-share", type=float, default=0.0, help="share of practice among the demonstrations")
    parser.add_argument("--start", type=Path, help="checkpoint to go on from")
    parser.add_argument("--out", type=Path, required=True, help="where checkpoints go")
    parser.add_argument("--tokenizer", type=Path, default=chat.TEMPLATE.parent / "tokenizer.json")
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--batch", type=int, default=32, help="episodes per step")
    parser.add_argument("--matrix-rate", type=float, default=0.02)
    parser.add_argument("--vector-rate", type=float, default=0.005)
    parser.add_argument("--context-weight", type=float, default=0.0, help="weight of the loss on prompts and tool results")
    parser.add_argument("--decay", type=float, default=0.0, help="share of the steps over which the rates descend")
    parser.add_argument("--save-every", type=int, default=200, help="steps between checkpoints")
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread, each with its share of a step's episodes")
    parser.add_argument("--seed", type=int, default=1)
    return parser.parse_args()


def share_gradients(model):
    """Leaves the mean of all workers' gradients in each worker."""
    gradients = [parameter.grad for parameter in model.parameters()]
    flat = torch.cat([gradient.flatten() for gradient in gradients])
    torch.distributed.all_reduce(flat)
    flat /= torch.distributed.get_world_size()
    for gradient, part in zip(gradients, flat.split([gradient.numel() for gradient in gradients])):
        gradient.copy_(part.view_as(gradient))


def work(worker, options):
    # One thread each: two threads in one process spend their time waiting for each other on matrices this small.
    torch.set_num_threads(1)
    torch.manual_seed(options.seed)
    torch.distributed.init_process_group("gloo", rank=worker, world_size=options.workers)
    tokenizer = bpe.Tokenizer.load(options.tokenizer)
    model = load(options.start) if options.start else Qwen3(Config(vocab_size=len(tokenizer)))
    matrices = [p for name, p in model.named_parameters() if p.ndim == 2 and "embed" not in name]
    others = [p for name, p in model.named_parameters() if p.ndim != 2 or "embed" in name]
    optimizers = [Muon(matrices, options.matrix_rate, weight_decay=0.01),
                  torch.optim.AdamW(others, options.vector_rate, betas=(0.9, 0.98), weight_decay=0.0)]
    rates = [options.matrix_rate, options.vector_rate]
    seed = options.seed * options.workers + worker
    episodes = mixture(options.demonstrations, options.practice_share, seed)
    stream = batches(episodes, tokenizer, seed, options.batch // options.workers)

    began, tokens, recent = time.monotonic(), 0, []
    for step, (ids, kind) in zip(range(options.steps), stream):
        own, loss = losses(model, ids, kind, options.context_weight)
        model.zero_grad(set_to_none=True)
        loss.backward()
        share_gradients(model)
        for optimizer, rate in zip(optimizers, rates):
            optimizer.param_groups[0]["lr"] = rate * schedule(step, options.steps, warmup=100, decay=options.decay)
            optimizer.step()
        tokens += int((kind > 0).sum()) * options.workers
        recent.append(own.item())
        if worker == 0 and ((step + 1) % options.save_every == 0 or step + 1 == options.steps):
            seconds = time.monotonic() - began
            print(f"step {step + 1} loss {sum(recent) / len(recent):.4f} {seconds:.0f} s {tokens / seconds:.0f} tokens/s", flush=True)
            recent = []
            save(model, options.out)


def main():
    options = parse_options()
    os.environ.setdefault("MASTER_ADDR", "127.0.0.1")
    os.environ.setdefault("MASTER_PORT", "29517")
    torch.multiprocessing.spawn(work, (options,), nprocs=options.workers)


if __name__ == "__main__":
    main()
