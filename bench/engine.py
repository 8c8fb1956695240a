#!/usr/bin/env python3
"""Measures the embedded engine beside llama.cpp on the same weights, interleaved, and prints Markdown tables of the ratios.

usage: bench/engine.py MODELS --llama DIR [--shapes NAME,…] [--quick] [--rounds N] [--only TEXT] [--out FILE]
       bench/engine.py MODELS --ablation [--shapes NAME,…] [--quick] [--rounds N] [--out FILE]

MODELS  holds a folder per shape: config.json and model.safetensors for us, model.gguf and model-q8_0.gguf with the same weights for llama.cpp.
--llama a folder with node_modules/@node-llama-cpp/linux-x64 (npm, its prebuilt libraries) and src (llama.cpp's headers); llama_peer is built there.
--quick bounds the whole by a few minutes: fewer steps, smaller groups. --only takes the rows whose name contains the text.
--out   every sample is written there at once; a run that was cut goes on where it stopped, and a complete one only prints. Default engine-bench.json.

Each round runs every row once, ours and theirs one after the other; rows with the same work of theirs share it. A ratio is the median of the rounds' ratios. llama.cpp gets the better of its
settings for each row, found in the first round: flash attention on or off for prompts (off is better for decoding), shared cells or a stream per
sequence for groups. Build first: dotnet build -c Release.
"""

import argparse
import json
import os
import pathlib
import statistics
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ["dotnet", str(ROOT / "artifacts/bin/Gateway/release/agentrollout.dll"), "bench", "engine", "--json"]
THREADS = 2
CONTEXT = 512
BATCHES = (1, 8, 32, 64)
# What a row calls our numbers, our option, and their file: bf16 is BF16 weights and float activations, "bf16 x bf16" rounds activations as they do.
FORMATS = (("bf16", "auto", "model.gguf"), ("bf16 x bf16", "bfloat16", "model.gguf"), ("int8", "int8", "model-q8_0.gguf"))
DECODE, PREFILL, SHARED, STREAMS = {"FLASH": "0"}, ({"FLASH": "0"}, {"FLASH": "1"}), {"UNIFIED": "1"}, {"UNIFIED": "0"}
ABLATION = {
    "nothing": [],
    "prefix cache": ["--no-prefix-cache"],
    "waiting of siblings": ["--no-sibling-scheduling"],
    "small chunks beside decoding": ["--mixed-chunk", "8192", "--chunk", "8192"],
    "prefetch": [],
    "second worker": ["--threads", "1"],
}
# What is switched off in the environment rather than by an option.
ENVIRONMENT = {"prefetch": {"AGENTROLLOUT_PREFETCH": "0"}}


def rows(shape, quick):
    """(name, our arguments, their model, their arguments, their settings) of every row of a shape."""
    steps = 8 if quick else 24
    for weights, type, gguf in FORMATS:
        format = ["--weights", type]
        for batch in BATCHES:
            yield (f"{weights} decode {batch}", ["--scenario", "decode", "--batch", batch, "--context", CONTEXT, "--steps", steps, *format],
                   gguf, ["decode", batch, CONTEXT, steps], [DECODE])
        prompts = 2 if quick else 5
        yield (f"{weights} prefill {CONTEXT}", ["--scenario", "prefill", "--context", CONTEXT, "--steps", prompts, *format],
               gguf, ["prefill", CONTEXT, prompts], PREFILL)
    for name, scenario, (prompts, samples, prefix, new, observed, turns) in (
            ("grpo", "grpo", (2, 4, 400, 32, 0, 1) if quick else (8, 8, 400, 128, 0, 1)),
            ("five turns", "turns", (1, 4, 400, 50, 75, 5) if quick else (2, 8, 400, 200, 300, 5))):
        ours = ["--scenario", scenario, "--prompts", prompts, "--samples", samples, "--prefix", prefix, "--new", new]
        ours += ["--observed", observed, "--turns", turns] if scenario == "turns" else []
        for weights, type, gguf in FORMATS[:2]:
            yield (f"{weights} {name} {prompts} x {samples}", [*ours, "--weights", type],
                   gguf, ["groups", prompts, samples, prefix, new, observed, turns], [SHARED, STREAMS])


def run(command, **environment):
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, env={**os.environ, **environment})
    if result.returncode:
        raise SystemExit(f"{' '.join(str(part) for part in command)}\n{result.stderr.strip()}")
    return json.loads(result.stdout.splitlines()[-1])


def build_peer(folder):
    """Builds llama_peer in the folder of llama.cpp's libraries and gives its command and environment."""
    libraries = folder / "node_modules/@node-llama-cpp/linux-x64/bins/linux-x64"
    peer, source = folder / "llama_peer", pathlib.Path(__file__).with_name("llama_peer.c")
    if not peer.exists() or peer.stat().st_mtime < source.stat().st_mtime:
        names = [next(libraries.glob(pattern)).name for pattern in ("libllama*.so", "libggml.*so", "libggml-base*.so")]
        subprocess.run(["gcc", "-O2", "-w", f"-I{folder}/src/include", f"-I{folder}/src/ggml/include", source, "-o", peer, f"-L{libraries}",
                        *(f"-l:{name}" for name in names), "-lm", f"-Wl,-rpath,{libraries}"], check=True)
    return peer, {"GGML_DIR": str(libraries), "THREADS": str(THREADS)}


class Samples:
    """What was measured so far, kept in a file: key -> list with a report per round."""

    def __init__(self, path):
        self.path = path
        self.of = json.loads(path.read_text()) if path.exists() else {}

    def take(self, key, round, measure):
        reports = self.of.setdefault(key, [])
        if len(reports) <= round:
            reports.append(measure())
            self.path.write_text(json.dumps(self.of, indent=1))
            print(f"round {round + 1}: {key}: {reports[-1]['tokens_per_second']:,.1f} tokens/s", flush=True)
        return reports[round]


def compare(options, shapes, samples):
    peer, environment = build_peer(options.llama)
    table = []
    for round in range(options.rounds):
        for shape in shapes:
            for name, ours, gguf, theirs, settings in rows(shape, options.quick):
                if options.only not in f"{shape} {name}" or not (options.models / shape / gguf).exists():
                    continue
                key = f"{shape} | {name}"
                samples.take(f"{key} | ours", round, lambda: run([*PROGRAM, "--model", options.models / shape, "--threads", THREADS, *ours]))
                other = f"{shape} | {gguf} {' '.join(str(part) for part in theirs)}"
                chosen = settings if round == 0 else [best_setting(samples, other, settings)]
                for setting in chosen:
                    samples.take(peer_key(other, setting), round, lambda: run([peer, options.models / shape / gguf, *theirs], **environment, **setting))
                if round == 0:
                    table.append((key, other, settings))
    print_comparison(samples, table)


def peer_key(key, setting):
    return f"{key} | llama.cpp {' '.join(f'{name}={value}' for name, value in setting.items())}"


def best_setting(samples, key, settings):
    return max(settings, key=lambda setting: samples.of[peer_key(key, setting)][0]["tokens_per_second"])


def print_comparison(samples, table):
    print("\n| shape | row | llama.cpp tokens/s | ours tokens/s | ratio | share of DRAM | share of FMA | sampling | step ms, median / p99 |")
    print("|---|---|---|---|---|---|---|---|---|")
    for key, other, settings in table:
        ours, theirs = samples.of[f"{key} | ours"], samples.of[peer_key(other, best_setting(samples, other, settings))]
        ratio = statistics.median(mine["tokens_per_second"] / other["tokens_per_second"] for mine, other in zip(ours, theirs))
        median = lambda reports, pick: statistics.median(pick(report) for report in reports)
        print(f"| {key} | {median(theirs, lambda r: r['tokens_per_second']):,.1f} | {median(ours, lambda r: r['tokens_per_second']):,.1f} | {ratio:.2f}x "
              f"| {median(ours, lambda r: r['share_of_dram']):.0%} | {median(ours, lambda r: r['share_of_fma']):.0%} "
              f"| {median(ours, lambda r: r['share_of_sampling']):.1%} | {median(ours, lambda r: r['step_ms']['median']):.2f} / {median(ours, lambda r: r['step_ms']['p99']):.2f} |")


def ablate(options, shapes, samples):
    """The loads that optimisations are about, with each switched off in turn."""
    steps = 8 if options.quick else 24
    groups = ["--prompts", 2, "--samples", 4, "--new", 32] if options.quick else ["--prompts", 8, "--samples", 8, "--new", 64]
    loads = {
        "decode 1": ["--scenario", "decode", "--batch", 1, "--steps", steps],
        "decode 64": ["--scenario", "decode", "--batch", 64, "--steps", steps],
        "int8 decode 32": ["--scenario", "decode", "--batch", 32, "--steps", steps, "--weights", "int8"],
        "grpo": ["--scenario", "grpo", *groups],
        "mixed": ["--scenario", "mixed", "--batch", 16, "--steps", 64],
    }
    for round in range(options.rounds):
        for shape in shapes:
            for load, arguments in loads.items():
                for switch, off in ABLATION.items():
                    samples.take(f"ablation | {shape} | {load} | {switch}", round, lambda: run(
                        [*PROGRAM, "--model", options.models / shape, *([] if "--threads" in off else ["--threads", THREADS]), *arguments, *off],
                        **ENVIRONMENT.get(switch, {})))
    print("\n| shape | switched off | " + " | ".join(f"{load}, tokens/s" for load in loads) + " | mixed, gap p99 ms |")
    print("|---|---|" + "---|" * (len(loads) + 1))
    for shape in shapes:
        for switch in ABLATION:
            reports = {load: samples.of[f"ablation | {shape} | {load} | {switch}"] for load in loads}
            cells = [f"{statistics.median(report['tokens_per_second'] for report in of):,.1f}" for of in reports.values()]
            gap = statistics.median(report["inter_token_gap_ms"]["p99"] for report in reports["mixed"])
            print(f"| {shape} | {switch} | {' | '.join(cells)} | {gap:.1f} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", type=pathlib.Path)
    parser.add_argument("--llama", type=pathlib.Path)
    parser.add_argument("--shapes", default="qwen2.5-0.5b-bf16,qwen3-0.6b-bf16,tiny-llama-bf16")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--only", default="")
    parser.add_argument("--ablation", action="store_true")
    parser.add_argument("--out", type=pathlib.Path, default=pathlib.Path("engine-bench.json"))
    options = parser.parse_args()
    options.rounds = options.rounds or (1 if options.quick else 3)
    shapes = options.shapes.split(",")
    samples = Samples(options.out)
    if options.ablation:
        ablate(options, shapes, samples)
    elif options.llama:
        compare(options, shapes, samples)
    else:
        parser.error("--llama DIR or --ablation is needed")


if __name__ == "__main__":
    main()
