"""Writes the corpus of the lookup environment: 320 invented places with eight facts each. The same seed gives the same file."""

import argparse
import json
import random
from pathlib import Path

from world import RELATIONS, invented_name

TARGET = Path(__file__).resolve().parents[2] / "src" / "Environments" / "Builtin" / "Lookup" / "facts.jsonl"


def facts(places, seed):
    source = random.Random(seed)
    names = {}
    while len(names) < places:
        names.setdefault(invented_name(source))
    for place in names:
        for relation in RELATIONS:
            value = relation.draw(source)
            yield {"id": f"{place.lower()}-{relation.name}", "title": place, "text": relation.text(place, value),
                   "question": relation.question(place), "answer": value}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--places", type=int, default=320)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, default=TARGET)
    options = parser.parse_args()
    lines = [json.dumps(fact) + "\n" for fact in facts(options.places, options.seed)]
    options.out.write_text("".join(lines), encoding="utf-8")
    print(f"{len(lines)} facts written to {options.out}")


if __name__ == "__main__":
    main()
