#!/usr/bin/env python3
"""Times `agentrollout rollout` as a user starts it: start-up, tokens per second, and where a turn's time goes.

usage: bench/rollout.py [--rounds N]

Runs the built program (dotnet build -c Release first) with the shipped checkpoint. Cold runs are the README's command; long runs play 1,024
trajectories, so that compilation at run time no longer counts. Runs of the two environments are interleaved; medians are printed as one line
of a Markdown table each. The engine's share is the limit that the loop is held against: at 100% nothing but the engine would take time.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ["dotnet", str(ROOT / "artifacts/bin/Gateway/release/agentrollout.dll"), "rollout", "--model", str(ROOT / "models/tiny-agent")]
RUNS = {
    "arithmetic, 8 x 4 (cold)": ["--environment", "arithmetic", "--count", "8", "--samples", "4"],
    "lookup, 8 x 4 (cold)": ["--environment", "lookup", "--count", "8", "--samples", "4"],
    "arithmetic, 256 x 4": ["--environment", "arithmetic", "--count", "256", "--samples", "4"],
    "lookup, 256 x 4": ["--environment", "lookup", "--count", "256", "--samples", "4"],
    "arithmetic, 256 x 4, one at a time": ["--environment", "arithmetic", "--count", "256", "--samples", "4", "--concurrency", "1"],
}


def run(arguments):
    with tempfile.NamedTemporaryFile(suffix=".jsonl") as out:
        started = time.monotonic()
        result = subprocess.run(
            [*PROGRAM, *arguments, "--seed", "7", "--out", out.name, "--json"], check=True, capture_output=True, text=True)
        report = json.loads(result.stdout.splitlines()[-1])
        return {**report, "process_seconds": time.monotonic() - started}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    reports = {name: [] for name in RUNS}
    for _ in range(rounds):
        for name, arguments in RUNS.items():
            reports[name].append(run(arguments))

    print("| run | process s | first token s | sampled tokens/s | tokens/s with prompts | turn: engine ms | turn: tools ms | turn: loop ms | engine's share |")
    print("|---|---|---|---|---|---|---|---|---|")
    for name, of in reports.items():
        median = {key: statistics.median(report[key] for report in of) for key in of[0] if isinstance(of[0][key], (int, float))}
        engine, tools, loop = (median[key] for key in ("engine_ms_per_turn", "tool_ms_per_turn", "overhead_ms_per_turn"))
        print(f"| {name} | {median['process_seconds']:.2f} | {median['first_token_seconds']:.2f} | {median['tokens_per_second']:,.0f} "
              f"| {median['tokens'] / median['wall_seconds']:,.0f} | {engine:.2f} | {tools:.2f} | {loop:.3f} | {engine / (engine + tools + loop):.1%} |")


if __name__ == "__main__":
    main()
