"""Draws the held-out rewards of one or several runs: plot.py LOG.jsonl [LOG.jsonl …] --out curve.svg."""

import argparse
import json
from pathlib import Path

import matplotlib

matplotlib.use("svg")
matplotlib.rcParams["svg.hashsalt"] = "agentrollout"
from matplotlib import pyplot  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("logs", nargs="+", type=Path)
    parser.add_argument("--out", type=Path, required=True)
    options = parser.parse_args()
    figure, axes = pyplot.subplots(figsize=(7, 4))
    for log in options.logs:
        steps = [step for step in map(json.loads, log.read_text().splitlines()) if "held_out" in step]
        for environment in steps[0]["held_out"]:
            label = environment if len(options.logs) == 1 else f"{environment}, {log.stem}"
            axes.plot([step["elapsed"] / 60 for step in steps], [step["held_out"][environment] for step in steps], marker="o", markersize=3, label=label)
    axes.set(xlabel="minutes", ylabel="mean reward on held-out tasks", ylim=(0.6, 1.0))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.tight_layout()
    figure.savefig(options.out, metadata={"Date": None})


if __name__ == "__main__":
    main()
