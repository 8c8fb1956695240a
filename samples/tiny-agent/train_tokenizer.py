"""Learns the vocabulary and writes tokenizer.json.

It reads practice and the demonstrations of arithmetic. Those of looking up would make single tokens of the corpus' own names, which occur
hundreds of times each; then no train name would look like a test name.
"""

import argparse
import itertools
import json
from pathlib import Path

import bpe
import chat
import practice


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("demonstrations", type=Path)
    parser.add_argument("--out", type=Path, default=chat.TEMPLATE.parent / "tokenizer.json")
    parser.add_argument("--vocabulary", type=int, default=1024)
    parser.add_argument("--episodes", type=int, default=8000, help="how many to read of each kind")
    options = parser.parse_args()

    template = chat.load_template()
    texts = [chat.render(template, *episode) for episode in itertools.islice(practice.episodes(seed=0), options.episodes)]
    with options.demonstrations.open(encoding="utf-8") as lines:
        arithmetic = (line for line in map(json.loads, lines) if line["environment"] == "arithmetic")
        for demonstration in itertools.islice(arithmetic, options.episodes):
            texts.append(chat.render(template, demonstration["messages"], demonstration["tools"]))
    tokenizer = bpe.Tokenizer(bpe.train(texts, options.vocabulary))
    options.out.write_text(json.dumps(tokenizer.to_json(), ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    tokens = sum(len(tokenizer.encode(text)) for text in texts[::50])
    print(f"{len(tokenizer)} tokens; {tokens / len(texts[::50]):.1f} tokens an episode; written to {options.out}")


if __name__ == "__main__":
    main()
