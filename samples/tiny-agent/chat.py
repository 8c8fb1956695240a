"""Renders conversations with the model's chat template, set up as Hugging Face's transformers does."""

import json
from pathlib import Path

import jinja2
import jinja2.sandbox

TEMPLATE = Path(__file__).resolve().parents[2] / "models" / "tiny-agent" / "chat_template.jinja"


def _tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
    return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def load_template(path=TEMPLATE):
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = _tojson
    return environment.from_string(Path(path).read_text(encoding="utf-8"))


def render(template, messages, tools, add_generation_prompt=False):
    return template.render(messages=messages, tools=tools, add_generation_prompt=add_generation_prompt)


def segments(template, messages, tools):
    """The conversation as (text, role) pieces: what the template adds with each message, a model's turn apart from its header.

    An assistant's piece ends with <|im_end|>, as the model must write it; the newline after it belongs to the piece that follows.
    """
    pieces, done = [], ""
    for count, message in enumerate(messages, start=1):
        if message["role"] == "assistant":
            header = render(template, messages[:count - 1], tools, add_generation_prompt=True)
            pieces.append((header[len(done):], "prompt"))
            done = header
        text = render(template, messages[:count], tools)
        if not text.startswith(done):
            raise ValueError("The template rewrites earlier text when a message is appended.")
        added = text[len(done):]
        if message["role"] == "assistant":
            pieces.append((added[:-1], "assistant"))
            done = text[:-1]
        else:
            pieces.append((added, message["role"]))
            done = text
    return pieces
