"""Writes golden renderings of the chat template by Jinja2, with ids by bpe.py, for the tests of the C# side."""

import json
from pathlib import Path

import bpe
import chat
import practice

TARGET = Path(__file__).resolve().parents[2] / "tests" / "Environments.Tests" / "Fixtures" / "tiny-agent-chat.jsonl"

BOOKING = {"type": "function", "function": {
    "name": "book_table", "description": "Book a table.",
    "parameters": {"type": "object", "required": ["people"], "properties": {
        "people": {"type": "integer"}, "name": {"type": "string"}, "extras": {"type": "array", "items": {"type": "string"}}, "note": {}}}}}
CLOCK = {"type": "function", "function": {"name": "clock", "description": "Tell the time.", "parameters": {"type": "object"}}}


def call(name, arguments):
    return {"id": f"call_{name}", "type": "function", "function": {"name": name, "arguments": arguments}}


def user(content):
    return {"role": "user", "content": content}


def assistant(content, *calls):
    return {"role": "assistant", "content": content, **({"tool_calls": list(calls)} if calls else {})}


def tool(name, content):
    return {"role": "tool", "tool_call_id": f"call_{name}", "name": name, "content": content}


SYSTEM = {"role": "system", "content": "You are terse."}
HARD = {"people": 2, "name": "O'Hara \"Bo\"\n<b>", "extras": [1.0, 1e-07, True, None, {"b": 1, "a": []}], "note": {}}
CONVERSATIONS = {
    "single": ([user("What is 348 * 27?")], None),
    "with system": ([SYSTEM, user("Hi")], None),
    "system and tools": ([SYSTEM, user("Who founded Velmora?")], [practice.SEARCH]),
    "three tools": ([user("Book.")], [BOOKING, CLOCK, practice.CALCULATOR]),
    "bare functions": ([user("Hi")], [practice.SEARCH["function"], CLOCK["function"]]),
    "two turns": ([user("Hi"), assistant("Hello!"), user("How are you?"), assistant("Well.")], None),
    "call": ([user("Time?"), assistant("", call("clock", {}))], [CLOCK]),
    "call without content": ([user("Time?"), assistant(None, call("clock", {}))], [CLOCK]),
    "words and a call": ([user("Time?"), assistant("Let me see.", call("clock", {}))], [CLOCK]),
    "two calls": ([user("Go"), assistant("Both:", call("clock", {}), call("book_table", HARD)), tool("clock", "12:30"),
                   tool("book_table", "Done.\nSee you.")], [CLOCK, BOOKING]),
    "arguments as text": ([user("Go"), assistant("", call("book_table", '{"people":  2}')), tool("book_table", "")], [BOOKING]),
    "late system": ([user("Hi"), {"role": "system", "content": "Be kind."}, user("Hi again")], [CLOCK]),
    "arithmetic": (practice.episode("What is 348 * 27?", practice.CALCULATOR, "348 * 27", "9396", "9396"), [practice.CALCULATOR]),
    "lookup": (practice.episode("Who founded Velmora?", practice.SEARCH, "founded Velmora",
                                "1. Velmora was founded by Tarin.\n2. Velmora was founded in 1432.", "Tarin"), [practice.SEARCH]),
}


def main():
    template, tokenizer = chat.load_template(), bpe.Tokenizer.load(chat.TEMPLATE.parent / "tokenizer.json")
    with TARGET.open("w", encoding="utf-8") as output:
        for name, (messages, tools) in CONVERSATIONS.items():
            for prompt in (False, True):
                text = chat.render(template, messages, tools, add_generation_prompt=prompt)
                output.write(json.dumps({"name": name, "messages": messages, "tools": tools, "add_generation_prompt": prompt,
                                         "rendered": text, "ids": tokenizer.encode(text)}) + "\n")


if __name__ == "__main__":
    main()
