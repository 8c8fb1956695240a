#!/usr/bin/env python3
"""Times the search index on a generated corpus: building it, mixed queries over HTTP, memory. Prints a Markdown table row by row.

usage: bench/search.py [--passages N] [--queries N] [--folder DIR]

The corpus has Zipfian words (the k-th most frequent of 200,000 comes 1/k as often), 100 a passage, from a fixed seed; the queries have 2 to 6
words: one in three of them is one of the 50 most frequent words, the rest are drawn from passages' rarer words. Build first: dotnet build -c Release.
"""

import argparse
import bisect
import itertools
import json
import pathlib
import random
import re
import statistics
import subprocess
import tempfile
import time
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ["dotnet", str(ROOT / "artifacts/bin/Gateway/release/agentrollout.dll")]
VOCABULARY, WORDS, STOP_WORDS = 200_000, 100, 50
SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


def word(rank):
    """A pronounceable word for a rank, shorter for the frequent; it ends in a letter that Porter's stemmer leaves alone."""
    text = ""
    rank += 1
    while rank:
        rank, rest = divmod(rank, len(SYLLABLES))
        text += SYLLABLES[rest]
    return text + "k"


def write_corpus(path, passages):
    words = [word(rank) for rank in range(VOCABULARY)]
    cumulative = list(itertools.accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
    generator = random.Random(1)
    with open(path, "w", encoding="utf-8") as file:
        for first in range(0, passages, 1000):
            drawn = generator.choices(words, cum_weights=cumulative, k=WORDS * min(1000, passages - first))
            for i in range(len(drawn) // WORDS):
                text = drawn[i * WORDS:(i + 1) * WORDS]
                file.write(json.dumps({"id": str(first + i), "title": " ".join(text[:3]), "text": " ".join(text)}) + "\n")


def queries(count):
    cumulative = list(itertools.accumulate(1 / (rank + 1) for rank in range(VOCABULARY)))
    generator = random.Random(2)
    for _ in range(count):
        ranks = [generator.randrange(STOP_WORDS) if generator.random() < 1 / 3
                 else max(STOP_WORDS, bisect.bisect(cumulative, generator.random() * cumulative[-1])) for _ in range(generator.randint(2, 6))]
        yield " ".join(word(rank) for rank in ranks)


def resident(pid):
    return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) / 1024


def retrieve(url, texts):
    body = json.dumps({"queries": texts, "topk": 3, "return_scores": True}).encode()
    request = urllib.request.Request(url + "/retrieve", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as response:
        return json.load(response)


def serve(folder, index):
    config = folder / "config.json"
    config.write_text(json.dumps({"search_index": str(index), "database": str(folder / "bench.db"), "urls": ["http://127.0.0.1:5091"]}))
    server = subprocess.Popen([*PROGRAM, "serve", "--config", str(config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    for _ in range(600):
        try:
            retrieve("http://127.0.0.1:5091", ["warm up"])
            return server, "http://127.0.0.1:5091"
        except OSError:
            time.sleep(0.1)
    server.kill()
    raise SystemExit("The server did not start within 60 s.")


def measure(folder, arguments):
    corpus, index = folder / f"corpus-{arguments.passages}.jsonl", folder / f"corpus-{arguments.passages}.index"
    if not corpus.exists():
        write_corpus(corpus, arguments.passages)
    started = time.perf_counter()
    subprocess.run([*PROGRAM, "index", "--corpus", str(corpus), "--out", str(index)], check=True, stdout=subprocess.DEVNULL)
    build = arguments.passages / (time.perf_counter() - started)
    server, url = serve(folder, index)
    try:
        idle = resident(server.pid)
        times, ignored = [], 0
        for query in queries(arguments.queries):
            started = time.perf_counter()
            answer = retrieve(url, [query])
            times.append((time.perf_counter() - started) * 1000)
            ignored += len(answer["ignored_terms"][0]) > 0
        times.sort()
        print("| passages | build, passages/s | index, MiB | query p50, ms | p99, ms | with ignored words | resident before, after, MiB |")
        print("|---|---|---|---|---|---|---|")
        print(f"| {arguments.passages:,} | {build:,.0f} | {index.stat().st_size / 1048576:,.0f} | {statistics.median(times):.1f} | {times[int(len(times) * 0.99)]:.1f} "
              f"| {ignored / len(times):.0%} | {idle:.0f}, {resident(server.pid):.0f} |")
    finally:
        server.terminate()
        server.wait(30)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--passages", type=int, default=1_000_000)
    parser.add_argument("--queries", type=int, default=2_000)
    parser.add_argument("--folder", type=pathlib.Path, help="where corpus and index stay; default: a temporary folder")
    arguments = parser.parse_args()
    if arguments.folder:
        arguments.folder.mkdir(parents=True, exist_ok=True)
        measure(arguments.folder, arguments)
        return
    with tempfile.TemporaryDirectory() as folder:
        measure(pathlib.Path(folder), arguments)


if __name__ == "__main__":
    main()
