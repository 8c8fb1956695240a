#!/usr/bin/env python3
"""Compares `agentrollout bench tokenizer` with Hugging Face's Rust library, gpt-tokenizer and Jinja2, in one interleaved run.

usage: bench/tokenizer.py --models DIR --peers NODE_MODULES [--families qwen3,llama3_1,…] [--rounds N] [--repeats N]

DIR holds one folder per family with tokenizer.json. NODE_MODULES is where `npm install tokenizers@0.23.2 gpt-tokenizer` put its packages. The
text is the same on every Debian machine with the same Python: 2.5 MB of its standard library, then licences and documentation. Each engine is
a process of its own and takes its turn in each round; the ratios are those of medians over the rounds. gpt-tokenizer stands beside 'gptoss'.
Run it with a Python that has jinja2 to compare rendering. Build first: dotnet build -c Release.
"""

import argparse
import json
import pathlib
import statistics
import subprocess
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[1]
PROGRAM = ["dotnet", str(ROOT / "artifacts/bin/Gateway/release/agentrollout.dll"), "bench", "tokenizer", "--json"]
SOURCES = [("/usr/lib/python3*", "*.py", 2_500_000), ("/usr/share/common-licenses", "*", 400_000), ("/usr/share/doc", "*/copyright", 1_200_000),
           ("/usr/share/perl", "*/*.pm", 600_000), ("/usr/share/doc", "*/README*", 400_000)]
CODE_AND_PROSE_BYTES = 5_000_000


def build_text():
    parts = []
    for root, pattern, most in SOURCES:
        left = most
        for folder in sorted(pathlib.Path("/").glob(root[1:])):
            for path in sorted(folder.glob(pattern)):
                if left <= 0 or not path.is_file():
                    continue
                try:
                    text = path.read_text("utf-8")
                except (UnicodeDecodeError, OSError):
                    continue
                parts.append(text)
                left -= len(text.encode())
    return "".join(parts).encode()[:CODE_AND_PROSE_BYTES].decode("utf-8", "ignore")


def run_json(command):
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(result.stdout.splitlines()[-1])


def jinja_render_ms(folder, repeats):
    """Milliseconds of one rendering by Jinja2, set up as transformers does; None without jinja2 or a template."""
    try:
        from jinja2.ext import loopcontrols
        from jinja2.sandbox import ImmutableSandboxedEnvironment
    except ImportError:
        return None
    source = folder / "chat_template.jinja"
    config = json.loads((folder / "tokenizer_config.json").read_text()) if (folder / "tokenizer_config.json").exists() else {}
    text = source.read_text() if source.exists() else config.get("chat_template")
    if not isinstance(text, str):
        return None
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[loopcontrols])
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals["strftime_now"] = lambda form: time.strftime(form)

    def refuse(message):
        raise ValueError(message)

    environment.globals["raise_exception"] = refuse
    template = environment.from_string(text)
    conversation = json.loads((ROOT / "src/Gateway/Bench/conversation.json").read_text())
    times = []
    try:
        for _ in range(200):
            template.render(**conversation, add_generation_prompt=True, documents=None, bos_token="<s>", eos_token="</s>")
        for _ in range(repeats):
            started = time.perf_counter()
            for _ in range(50):
                template.render(**conversation, add_generation_prompt=True, documents=None, bos_token="<s>", eos_token="</s>")
            times.append((time.perf_counter() - started) / 50 * 1e3)
    except ValueError:
        return None
    return statistics.median(times)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=pathlib.Path, required=True)
    parser.add_argument("--peers", type=pathlib.Path, required=True)
    parser.add_argument("--families", default="qwen3,llama3_1,gptoss")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    families = options.families.split(",")
    ours, hf, gpt, jinja = ({family: [] for family in families} for _ in range(4))
    with tempfile.NamedTemporaryFile("w", suffix=".txt", encoding="utf-8") as text:
        text.write(build_text())
        text.flush()
        peer = ["node", str(ROOT / "bench/tokenizer.mjs"), str(options.peers.resolve())]
        for _ in range(options.rounds):
            for family in families:
                folder = options.models / family
                arguments = [text.name, str(folder / "tokenizer.json"), str(options.repeats)]
                ours[family].append(run_json([*PROGRAM, "--model", str(folder), "--text", text.name, "--repeats", str(options.repeats)]))
                hf[family].append(run_json([*peer, "hf", *arguments]))
                if family == "gptoss":
                    gpt[family].append(run_json([*peer, "gpt", *arguments]))
                jinja[family].append({"render_ms": jinja_render_ms(folder, options.repeats)})

    def median(reports, key):
        values = [report[key] for report in reports if report.get(key) is not None]
        return statistics.median(values) if values else None

    def row(family, what, key, peer_name, peers, peer_key=None, smaller=False):
        mine, other = median(ours[family], key), median(peers[family], peer_key or key)
        if mine is not None and other is not None:
            print(f"| {family} | {what} | {mine:,.2f} | {peer_name} | {other:,.2f} | {other / mine if smaller else mine / other:.1f}x |")

    print("| family | what | ours | peer | peer's | ratio |")
    print("|---|---|---|---|---|---|")
    for family in families:
        assert ours[family][0]["tokens"] == hf[family][0]["tokens"], f"{family}: the numbers of tokens differ"
        row(family, "encode, MB per processor second", "encode_mb_per_cpu_s", "HF Rust", hf)
        row(family, "encode, MB/s", "encode_mb_per_s", "HF Rust", hf)
        row(family, "encode, MB per processor second", "encode_mb_per_cpu_s", "gpt-tokenizer", gpt)
        row(family, "decode, MB per processor second", "decode_mb_per_cpu_s", "HF Rust", hf)
        row(family, "decode, MB per processor second", "decode_mb_per_cpu_s", "gpt-tokenizer", gpt)
        row(family, "first load in a process, ms", "first_load_ms", "HF Rust", hf, smaller=True)
        row(family, "render 40 messages, ms", "render_ms", "Jinja2", jinja, smaller=True)
        print(f"| {family} | bytes allocated per token | {median(ours[family], 'encode_bytes_per_token'):.2f} | | | |")


if __name__ == "__main__":
    main()
