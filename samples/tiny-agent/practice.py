"""Practice in copying: flawless episodes over freshly invented places and expressions without a story.

Copying names and digits from the context is the slow part of what the model must learn. It learns it here, from endless fresh names,
so that it has no corpus to learn by heart; how an agent behaves, mistakes included, it learns from the demonstrations.
"""

import random

from world import RELATIONS, invented_name

CALCULATOR = {"type": "function", "function": {
    "name": "calculator", "description": "Evaluate an arithmetic expression.",
    "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]}}}
SEARCH = {"type": "function", "function": {
    "name": "search", "description": "Search the facts.",
    "parameters": {"type": "object", "properties": {"query": {"type": "string"}}, "required": ["query"]}}}

STOP_WORDS = {"what", "which", "who", "is", "was", "the", "of", "in", "through"}


def keywords(question):
    return " ".join(word for word in question.rstrip("?").split() if word.lower() not in STOP_WORDS)


def episode(question, tool, argument, result, answer):
    (name,) = tool["function"]["parameters"]["properties"]
    call = {"id": "c1", "type": "function", "function": {"name": tool["function"]["name"], "arguments": {name: argument}}}
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c1", "name": tool["function"]["name"], "content": result},
        {"role": "assistant", "content": answer},
    ]


def lookup(source):
    place = invented_name(source)
    asked, other = source.sample(RELATIONS, 2)
    value = asked.draw(source)
    lines = [asked.text(place, value), other.text(place, other.draw(source))]
    if source.random() < 0.3:
        lines.reverse()
    result = "\n".join(f"{i}. {line}" for i, line in enumerate(lines, start=1))
    question = asked.question(place)
    return episode(question, SEARCH, keywords(question), result, value), [SEARCH]


def arithmetic(source):
    terms = [str(source.randrange(1, 10 ** source.randint(1, 4))) for _ in range(source.choice([2, 2, 3]))]
    expression = f" {source.choice('+-*')} ".join(terms[:2])
    if len(terms) == 3:
        expression = f"({expression})" if source.random() < 0.5 else expression
        expression += f" {source.choice('+-*')} {terms[2]}"
    question = f"What is {expression}?" if source.random() < 0.5 else f"Compute {expression}."
    result = str(eval(expression))  # digits, operators and parentheses of our own making
    return episode(question, CALCULATOR, expression, result, result), [CALCULATOR]


def episodes(seed):
    source = random.Random(seed)
    while True:
        yield lookup(source) if source.random() < 0.5 else arithmetic(source)
