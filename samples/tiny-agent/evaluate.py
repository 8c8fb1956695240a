"""Plays held-out tasks at a temperature with Python stand-ins for the two tools; the figures of record come from the product itself."""

import argparse
import fractions
import json
import re
import sqlite3
from pathlib import Path

import torch

import bpe
import chat
import practice
import train

FACTS = Path(__file__).resolve().parents[2] / "src" / "Environments" / "Builtin" / "Lookup" / "facts.jsonl"


class Search:
    """The same index and the same query as the environment's tool `search`."""

    tool = practice.SEARCH

    def __init__(self):
        self._database = sqlite3.connect(":memory:")
        self._database.execute("CREATE VIRTUAL TABLE passages USING fts5(title, text, tokenize = 'porter unicode61 remove_diacritics 2')")
        facts = [json.loads(line) for line in FACTS.read_text(encoding="utf-8").splitlines()]
        self._database.executemany("INSERT INTO passages VALUES (?, ?)", [(fact["title"], fact["text"]) for fact in facts])

    def __call__(self, query):
        terms = " OR ".join(f'"{term}"' for term in dict.fromkeys(re.findall(r"[A-Za-z0-9]+", query)))
        if not terms:
            return "The query has no words to search for."
        rows = self._database.execute(
            "SELECT text FROM passages WHERE passages MATCH ? ORDER BY bm25(passages), rowid LIMIT 2", (terms,)).fetchall()
        return "\n".join(f"{i}. {text}" for i, (text,) in enumerate(rows, start=1)) or "No results."


class Calculator:
    """Exact arithmetic with + - * / and parentheses, answered like the tool `calculator`."""

    tool = practice.CALCULATOR

    def __call__(self, expression):
        if not re.fullmatch(r"[0-9+\-*/() ]{1,80}", expression) or "**" in expression or "//" in expression:
            return "The expression is malformed."
        try:
            value = eval(re.sub(r"\d+", lambda number: f"F({int(number[0])})", expression), {"F": fractions.Fraction})
        except (SyntaxError, TypeError, ZeroDivisionError):
            return "The expression is malformed."
        return str(value.numerator) if value.denominator == 1 else f"{float(value):.12g}"


TOOLS = {"arithmetic": Calculator(), "lookup": Search()}


@torch.no_grad()
def sample(model, prompts, end, temperature, limit=64):
    """Continues token lists of any lengths together; each ends with `end` or at the limit."""
    rows = [list(prompt) for prompt in prompts]
    running = list(range(len(rows)))
    while running:
        length = max(len(rows[i]) for i in running)
        ids = torch.tensor([rows[i] + [0] * (length - len(rows[i])) for i in running])
        last = torch.tensor([len(rows[i]) - 1 for i in running])
        logits = model.logits(model.hidden(ids)[torch.arange(len(running)), last])
        chosen = torch.multinomial(torch.softmax(logits / temperature, -1), 1)[:, 0].tolist()
        for i, token in zip(running, chosen):
            rows[i].append(token)
        running = [i for i, token in zip(running, chosen) if token != end and len(rows[i]) < len(prompts[i]) + limit]
    return [row[len(prompt):] for row, prompt in zip(rows, prompts)]


def parse_call(text, tool):
    """The one argument of a well-formed call of the tool, else None."""
    match = re.fullmatch(r"<tool_call>\n(.*)\n</tool_call><\|im_end\|>", text)
    try:
        call = json.loads(match[1])
        (name,) = tool["function"]["parameters"]["properties"]
        return call["arguments"][name] if call["name"] == tool["function"]["name"] else None
    except (TypeError, ValueError, KeyError):
        return None


def play(model, tokenizer, tasks, tool, temperature):
    """For each task: the tool's argument (None without a proper call), the result, the final answer and its reward."""
    template, end = chat.load_template(), tokenizer.special["<|im_end|>"]
    prompts = [tokenizer.encode(chat.render(template, [{"role": "user", "content": task["question"]}], [tool.tool], True)) for task in tasks]
    first = sample(model, prompts, end, temperature)
    episodes = []
    for task, prompt, turn in zip(tasks, prompts, first):
        argument = parse_call(tokenizer.decode(turn), tool.tool)
        result = "" if argument is None else tool(argument)
        after = tokenizer.encode(f"\n<|im_start|>tool\n{result}<|im_end|>\n<|im_start|>assistant\n")
        episodes.append([argument, result, prompt + turn + after])
    second = sample(model, [context for _, _, context in episodes], end, temperature)
    return [(argument, result, answer := tokenizer.decode(turn).removesuffix("<|im_end|>"), argument is not None and answer == task["answer"])
            for task, (argument, result, _), turn in zip(tasks, episodes, second)]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint", type=Path)
    parser.add_argument("tasks", type=Path, help="JSON lines as `Demonstrations --held-out` writes them")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--limit", type=int, default=200, help="tasks per environment")
    parser.add_argument("--show", type=int, default=0, help="episodes to print")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(1)
    model = train.load(options.checkpoint)
    tokenizer = bpe.Tokenizer.load(chat.TEMPLATE.parent / "tokenizer.json")
    lines = [json.loads(line) for line in options.tasks.read_text(encoding="utf-8").splitlines()]
    for environment, tool in TOOLS.items():
        tasks = [line["data"] for line in lines if line["environment"] == environment][:options.limit]
        episodes = play(model, tokenizer, tasks, tool, options.temperature)
        called = sum(argument is not None for argument, *_ in episodes) / len(episodes)
        reward = sum(won for *_, won in episodes) / len(episodes)
        print(f"{environment}: {len(episodes)} episodes, tool called {called:.3f}, mean reward {reward:.3f}")
        for task, episode in list(zip(tasks, episodes))[:options.show]:
            print(task["question"], *episode, sep=" | ")


if __name__ == "__main__":
    main()
