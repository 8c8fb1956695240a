"""GRPO on the shipped model: asks the server for groups, trains on them, and sends the weights back after every step.

The policy is computed twice, by the server in C# and here in PyTorch; the parity report of every step says how far the two are apart.
"""

import argparse
import json
import random
import sys
import threading
import time
from pathlib import Path

import numpy
import torch
from torch import nn
from torch.nn import functional

ROOT = Path(__file__).resolve().parents[2]
PIECE_TOKENS = 8192
sys.path.insert(0, str(ROOT / "clients/python"))

from agentrollout import Client, ConnectionLost, ServerError, Tensor, read_safetensors  # noqa: E402


# The policy: Qwen3, with the names that a Hugging Face checkpoint has, so that its state_dict is what the server wants.

class Norm(nn.Module):
    def __init__(self, size, epsilon):
        super().__init__()
        self.weight, self.epsilon = nn.Parameter(torch.ones(size)), epsilon

    def forward(self, x):
        return x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + self.epsilon) * self.weight


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads, self.kv_heads, self.size = config["num_attention_heads"], config["num_key_value_heads"], config["head_dim"]
        hidden = config["hidden_size"]
        self.q_proj = nn.Linear(hidden, self.heads * self.size, bias=False)
        self.k_proj = nn.Linear(hidden, self.kv_heads * self.size, bias=False)
        self.v_proj = nn.Linear(hidden, self.kv_heads * self.size, bias=False)
        self.o_proj = nn.Linear(self.heads * self.size, hidden, bias=False)
        self.q_norm, self.k_norm = Norm(self.size, config["rms_norm_eps"]), Norm(self.size, config["rms_norm_eps"])

    def forward(self, x, cos, sin, mask):
        rows, length, _ = x.shape
        q = self.rotate(self.q_norm(self.q_proj(x).view(rows, length, self.heads, self.size)), cos, sin)
        k = self.rotate(self.k_norm(self.k_proj(x).view(rows, length, self.kv_heads, self.size)), cos, sin)
        v = self.v_proj(x).view(rows, length, self.kv_heads, self.size).transpose(1, 2)
        shared = self.heads // self.kv_heads
        k, v = k.repeat_interleave(shared, 1), v.repeat_interleave(shared, 1)
        scores = (q @ k.transpose(-1, -2)) * self.size ** -0.5 + mask
        return self.o_proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(rows, length, -1))

    @staticmethod
    def rotate(x, cos, sin):
        x = x.transpose(1, 2)
        first, second = x.chunk(2, -1)
        return torch.cat((first * cos - second * sin, second * cos + first * sin), -1)


class Mlp(nn.Module):
    def __init__(self, hidden, wide):
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(hidden, wide, bias=False), nn.Linear(hidden, wide, bias=False)
        self.down_proj = nn.Linear(wide, hidden, bias=False)

    def forward(self, x):
        return self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.self_attn = Attention(config)
        self.post_attention_layernorm = Norm(config["hidden_size"], config["rms_norm_eps"])
        self.mlp = Mlp(config["hidden_size"], config["intermediate_size"])

    def forward(self, x, cos, sin, mask):
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Decoder(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.embed_tokens = nn.Embedding(config["vocab_size"], config["hidden_size"])
        self.layers = nn.ModuleList(Layer(config) for _ in range(config["num_hidden_layers"]))
        self.norm = Norm(config["hidden_size"], config["rms_norm_eps"])


class Policy(nn.Module):
    def __init__(self, folder):
        super().__init__()
        config = json.loads((folder / "config.json").read_text())
        self.model = Decoder(config)
        size = config["head_dim"]
        self.frequencies = config["rope_theta"] ** (-torch.arange(0, size, 2) / size)
        tensors, _ = read_safetensors((folder / "model.safetensors").read_bytes())
        self.load_state_dict({name: to_torch(tensor) for name, tensor in tensors.items() if name != "lm_head.weight"})

    def logprobs(self, ids, trained):
        """Log-probabilities of the tokens where ``trained`` [rows, length] is true, in row-major order, and the entropy at each."""
        length = ids.shape[1]
        angles = torch.arange(length)[:, None] * self.frequencies
        cos, sin = angles.cos(), angles.sin()
        mask = torch.full((length, length), float("-inf")).triu(1)
        x = self.model.embed_tokens(ids)
        for layer in self.model.layers:
            x = layer(x, cos, sin, mask)
        chosen = trained[:, 1:]
        logits = self.model.norm(x[:, :-1][chosen]) @ self.model.embed_tokens.weight.T
        each = logits.log_softmax(-1)
        return each.gather(-1, ids[:, 1:][chosen][:, None])[:, 0], -(each.exp() * each).sum(-1).detach()


def to_torch(tensor):
    """Floats of an array or of the bytes of a bfloat16 tensor."""
    if isinstance(tensor, Tensor):
        bits = numpy.frombuffer(tensor.data, "<u2").astype(numpy.uint32) << 16
        return torch.from_numpy(bits.view(numpy.float32).reshape(tensor.shape).copy())
    return torch.from_numpy(numpy.array(tensor, dtype=numpy.float32))


# A step: batches of both environments, the loss, the parity of server and trainer.

class Batch:
    """Rows of several rollouts, right-padded, with what training needs of them."""

    def __init__(self, parts, shift_mask):
        self.names = [name for part in parts for name in part.trajectory_ids]
        # Trajectories finish in any order; the same ones are always the same batch.
        order = numpy.argsort(self.names, kind="stable")
        longest = max(part["input_ids"].shape[1] for part in parts)
        self.ids, mask, self.server, versions = (
            torch.from_numpy(numpy.concatenate([numpy.pad(part[name], ((0, 0), (0, longest - part[name].shape[1]))) for part in parts])[order])
            for name in ("input_ids", "loss_mask", "logprobs", "weight_versions"))
        self.rewards, self.advantages = (
            torch.from_numpy(numpy.concatenate([part[name] for part in parts])[order]) for name in ("rewards", "advantages"))
        self.trained = mask.bool()
        self.oldest = int(versions[self.trained].min()) if self.trained.any() else 0
        # What a trainer does that is off by one; the parity report must show it.
        if shift_mask:
            self.trained = torch.roll(self.trained, 1, 1)
            self.trained[:, 0] = False

    def __len__(self):
        return len(self.ids)

    def pieces(self, indices):
        """Some rows in pieces of like length, so that little is padded: ids, mask, the server's log-probabilities and advantages of each."""
        lengths = (self.trained[indices] * torch.arange(1, self.trained.shape[1] + 1)).amax(1)
        indices, lengths = indices[lengths.argsort()], lengths.sort()[0]
        while len(indices):
            # As many rows as have PIECE_TOKENS together, at the length of the longest of them.
            count = max(1, int((torch.arange(1, len(indices) + 1) * lengths <= PIECE_TOKENS).sum()))
            piece, length = indices[:count], int(lengths[count - 1])
            trained = self.trained[piece, :length]
            yield (self.ids[piece, :length], trained, self.server[piece, :length][trained], self.advantages[piece].repeat_interleave(trained.sum(1)))
            indices, lengths = indices[count:], lengths[count:]


def parity(policy, batch):
    """How far the trainer's log-probabilities are from the server's before the step, over all trained tokens."""
    with torch.no_grad():
        difference = torch.cat([policy.logprobs(ids, trained)[0] - server for ids, trained, server, _ in batch.pieces(torch.arange(len(batch)))])
    return {"parity_mean": difference.abs().mean().item(), "parity_max": difference.abs().max().item(), "tokens": len(difference)}


def train(policy, optimizer, batch, options):
    """One pass over the rows that have an advantage, in minibatches."""
    useful = torch.nonzero(batch.advantages != 0)[:, 0]
    ratios, clipped, entropies, norms = [], [], [], []
    for indices in useful[torch.randperm(len(useful))].split(options.minibatch):
        optimizer.zero_grad()
        tokens = batch.trained[indices].sum()
        for ids, trained, server, advantages in batch.pieces(indices):
            logprobs, entropy = policy.logprobs(ids, trained)
            ratio = (logprobs - server).exp()
            bounded = ratio.clamp(1 - options.clip, 1 + options.clip_high)
            loss = -torch.minimum(ratio * advantages, bounded * advantages).sum() / tokens
            loss.backward()
            ratios.append(ratio.detach())
            clipped.append((ratio != bounded).float())
            entropies.append(entropy)
        norms.append(nn.utils.clip_grad_norm_(policy.parameters(), 1.0))
        optimizer.step()
    if not ratios:
        return {"ratio_mean": 1.0, "clipped": 0.0, "entropy": 0.0, "gradient": 0.0}
    mean = lambda parts: torch.cat(parts).mean().item()  # noqa: E731
    return {"ratio_mean": mean(ratios), "clipped": mean(clipped), "entropy": mean(entropies), "gradient": float(sum(norms) / len(norms))}


class Trainer:
    def __init__(self, options):
        self.options = options
        self.client = Client(options.url, timeout=300, reconnect=120)
        self.policy = Policy(Path(options.model))
        self.optimizer = torch.optim.AdamW(self.policy.parameters(), lr=options.rate, betas=(0.9, 0.95), weight_decay=0)
        self.log = open(options.log, "w") if options.log else None
        self.ids = open(options.ids, "w") if options.ids else None
        self.started = time.monotonic()
        self.version = 0

    def send_weights(self):
        """Puts the trainer's weights to use; sends them again where the server went away in the middle."""
        self.version += 1
        while True:
            try:
                return self.client.weights.update(
                    self.policy.state_dict(), version=self.version, running="continue" if self.options.staleness else "finish")
            except (ConnectionLost, ServerError):
                if self.client.weights.version == self.version:
                    return None
                opened = self.client.weights.describe()["open_update"]
                if opened:
                    self.client.weights.attach(opened).abort()

    def start_rollouts(self, step):
        """Groups of every environment, on tasks that no other step sees."""
        options = self.options
        return [self.client.rollouts.start(
            environment=environment, task_set={"split": "train", "offset": step * options.groups, "count": options.groups},
            samples_per_task=options.samples, seed=options.seed * 1_000_003 + step) for environment in options.environments]

    def take(self, rollouts):
        """All groups of the rollouts as batches, each held by its lease until it is trained on."""
        options, parts = self.options, []
        filters = {"max_staleness": options.staleness} if options.staleness else {}
        for rollout in rollouts:
            missing = options.groups * options.samples
            while missing > 0:
                # Where an answer got lost with the server, its lease has to expire first.
                batch = rollout.take_batch(unit="group", count=options.groups, seconds=options.lease_seconds, wait_seconds=60, advantages="grpo", filters=filters)
                parts += [batch] if len(batch) else []
                held = sum(len(set(part.trajectory_ids)) for part in parts if part.rollout_id == rollout.id)
                missing = options.groups * options.samples - held - sum(batch.lease.delivery["dropped"].values())
        return parts

    def evaluate(self):
        """Mean reward on held-out tasks at temperature 1, by environment."""
        rewards = {}
        for environment in self.options.environments:
            rollout = self.client.rollouts.start(
                environment=environment, task_set={"split": "test", "count": self.options.held_out}, samples_per_task=2, seed=1)
            rewards[environment] = rollout.wait(600)["mean_reward"]
        return rewards

    def run(self):
        options = self.options
        self.send_weights()
        self.report({"step": 0, "held_out": self.evaluate()})
        ahead = self.start_rollouts(0)
        for step in range(options.steps):
            clock = [time.monotonic()]
            lap = lambda: clock.append(time.monotonic())  # noqa: E731
            current = ahead
            # Rollouts of the next step play on while this one trains.
            ahead = self.start_rollouts(step + 1) if options.staleness and step + 1 < options.steps else None
            for rollout in current:
                rollout.wait()
            lap()
            parts = self.take(current)
            lap()
            batch = Batch(parts, options.shift_mask)
            facts = {"step": step + 1, "reward": {
                environment: rollout.describe()["mean_reward"] for environment, rollout in zip(options.environments, current)}}
            facts |= {"staleness": self.version - batch.oldest, "server_tokens": sum(rollout.describe()["tokens"]["sampled"] for rollout in current)}
            facts |= parity(self.policy, batch)
            facts |= train(self.policy, self.optimizer, batch, options)
            for part in parts:
                part.lease.ack()
            if self.ids:
                self.ids.writelines(f"{name}\n" for name in batch.names)
                self.ids.flush()
            lap()
            self.send_weights()
            lap()
            facts["seconds"] = dict(zip(("rollout", "transfer", "train", "update"), (after - before for before, after in zip(clock, clock[1:]))))
            if not options.staleness and step + 1 < options.steps:
                ahead = self.start_rollouts(step + 1)
            if (step + 1) % options.evaluate_every == 0 or step + 1 == options.steps:
                facts["held_out"] = self.evaluate()
            self.report(facts)
        return facts["held_out"]

    def report(self, facts):
        facts["elapsed"] = time.monotonic() - self.started
        if self.log:
            self.log.write(json.dumps(facts) + "\n")
            self.log.flush()
        show = lambda value: f"{value:.3g}" if isinstance(value, float) else " ".join(  # noqa: E731
            f"{key}={show(part)}" for key, part in value.items()) if isinstance(value, dict) else str(value)
        print(" | ".join(f"{key} {show(value)}" for key, value in facts.items()), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--url", default="http://127.0.0.1:5080", help="the server")
    parser.add_argument("--model", default=str(ROOT / "models/tiny-agent"), help="folder of the checkpoint that the server started with")
    parser.add_argument("--environments", nargs="+", default=["arithmetic", "lookup"])
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--groups", type=int, default=16, help="tasks of each environment a step")
    parser.add_argument("--samples", type=int, default=8, help="trajectories per task")
    parser.add_argument("--minibatch", type=int, default=64, help="rows per gradient step")
    parser.add_argument("--rate", type=float, default=3e-4, help="learning rate")
    parser.add_argument("--clip", type=float, default=0.2, help="lower bound of the importance ratio is 1 less this")
    parser.add_argument("--clip-high", type=float, default=0.28, help="upper bound of the importance ratio is 1 and this")
    parser.add_argument("--lease-seconds", type=float, default=300, help="how long trajectories are held; longer than a step takes")
    parser.add_argument("--staleness", type=int, default=0, help="most weight versions behind; above 0 rollouts go on while the trainer trains")
    parser.add_argument("--held-out", type=int, default=200, help="held-out tasks of each environment")
    parser.add_argument("--evaluate-every", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="threads of PyTorch; a model this small gains nothing from a second")
    parser.add_argument("--log", help="JSON lines, one per step")
    parser.add_argument("--ids", help="a line for every trajectory that was trained on")
    parser.add_argument("--shift-mask", action="store_true", help="train on the wrong tokens, to see what the parity report says")
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    torch.set_num_threads(options.threads)
    Trainer(options).run()


if __name__ == "__main__":
    main()
