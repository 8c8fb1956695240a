#!/usr/bin/env python3
"""Writes jinja-vectors.jsonl: templates with what Jinja2 3.1, set up as transformers does, prints or raises for them.

The first row is the context of all others. Half of the rows are written by hand, a feature each; the others come from a grammar with a
fixed seed, so that features meet. Needs jinja2 3.1:  python3 jinja_vectors.py > jinja-vectors.jsonl
"""
import datetime
import json
import random

import jinja2
import jinja2.ext
from jinja2 import nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

CONTEXT = {
    "messages": None, "tools": None, "documents": None, "add_generation_prompt": False,
    "s": "Hello World", "e": "", "ws": "  a b \n", "n": 5, "f": 1.5, "neg": -3, "t": True, "fa": False, "no": None,
    "l": [1, 2, 3], "le": [], "ls": ["b", "a", "C"], "d": {"a": 1, "b": "x", "c": None},
    "ld": [{"r": "u", "k": 1}, {"r": "s", "k": 2}, {"r": "u", "k": 3, "z": 0}],
    "q": "it's \"q\" <b>&", "u": "é北😀\u2028", "nest": {"x": [{"y": "z"}]}, "big": 12345678901234567890, "exp": 1e100,
    "sm": 1.5e-07, "esc": "\\ \n \t \r \u0000 \u007f", "ml": "one\n  two\n\nthree\r\nfour", "case": "ßŒǆΣ ΑΣ İı ŉ",
}

STATEMENTS = [
    "{% for x in l %}{{ loop.index }}/{{ loop.length }}{% if not loop.last %},{% endif %}{% endfor %}",
    "{% for k, v in d.items() recursive %}{{ k }}{% endfor %}{% for (a, b), c in [[[1, 2], 3]] %}{{ a }}{{ b }}{{ c }}{% endfor %}",
    "{% for x in nest.x recursive %}{{ loop.depth }}{{ x if x is string }}{% if loop.depth < 3 %}{{ loop([x.y]) }}{% endif %}{% else %}-{% endfor %}",
    "{% for x in l if x is odd %}{{ loop.revindex0 }}{{ loop.nextitem }}{% else %}none{% endfor %}",
    "{% for x in l %}{% for y in l %}{% if y == 2 %}{% continue %}{% endif %}{% if x == 3 %}{% break %}{% endif %}{{ x }}{{ y }} {% endfor %}{% endfor %}",
    "{% for i in l %}{% set s = s ~ i %}{{ s }} {% endfor %}{{ s }}",
    "{% if fa %}{% set late = 1 %}{% endif %}{{ late is defined }}{% if t %}{% set n = 7 %}{% endif %}{{ n }}",
    "{% set a, b = 1, [2] %}{{ a }}{{ b }}{% set (c, d2) = (3, 4) %}{{ c }}{{ d2 }}{% set a, b = 1 %}",
    "{% set ns = namespace(x=0) %}{% for i in l %}{% set ns.x = ns.x + i %}{% endfor %}{{ ns.x }}{{ ns.y is defined }}{{ ns }}",
    "{% set ns = namespace(stop=false) %}{% for x in l if not ns.stop %}{{ x }}{% if x == 2 %}{% set ns.stop = true %}{% endif %}{% endfor %}",
    "{% set x %} a {{ n }} {% endset %}[{{ x }}]{% set y | trim | upper %} b {% endset %}[{{ y }}]",
    "{% macro m(a, b=a ~ '!', *c) %}{% endmacro %}", "{% macro m(a, b=a ~ '!') %}{{ a }}{{ b }}{{ varargs }}{{ kwargs }}{% endmacro %}{{ m(1) }}{{ m(1, 2, 3, z=4) }}",
    "{% macro m(x) %}<{{ caller(x, 2) }}>{% endmacro %}{% call(a, b=3) m('q') %}{{ a }}{{ b }}{{ n }}{% endcall %}",
    "{% macro m() %}x{% endmacro %}{% call m() %}y{% endcall %}", "{% macro m(a) %}{{ a }}{% endmacro %}{{ m() }}{{ m(b=1) }}",
    "{% macro o() %}{{ v }}{% endmacro %}{% set v = 1 %}{{ o() }}{% for i in l %}{% set v = i %}{{ o() }}{% endfor %}",
    "{% macro m(a, b=2) %}{% endmacro %}{{ m.name }}{{ m.arguments }}{{ m.catch_kwargs }}{{ m.caller }}",
    "{% filter upper | replace('A', 'b') %}a {{ s }}{% endfilter %}", "{% filter length %}abc{% endfilter %}",
    "{% with a = 1, b = n + 1 %}{{ a }}{{ b }}{% set n = 9 %}{{ n }}{% endwith %}{{ n }}{{ a is defined }}",
    "a{% generation %}b{{ u }}{% generation %}c{% endgeneration %}{% endgeneration %}d",
    "{% macro m() %}{% generation %}in{% endgeneration %}{% endmacro %}x{{ 'y' + m() }}{{ m() }}",
    "{% generation %}{% set z = 1 %}{{ z }}{% endgeneration %}{{ z is defined }}{% for x in l %}{% generation %}{{ loop.index }}{% endgeneration %}{% endfor %}",
    "  {% raw %} {{ x }} {%- endraw %}\n {# c -#}  \n y {#- d #}\n  {%+ if t %}\n  z {%- endif +%}\n!",
    "{%- if t -%} a {%- else -%} b {%- endif -%}\n\n c\n", "a\r\nb\rc\n\n", "{% print n, s %}{% print %}", "{% if t: %}x{% endif: %}",
    "{% block a %}{{ s }}{% set s = 1 %}{% endblock %}{{ self.a() }}{{ s }}{{ self }}", "{% block a %}{% endblock %}{% block a %}{% endblock %}",
    "{% autoescape false %}{% set n = 1 %}{{ q }}{% endautoescape %}{{ n }}", "{% set loop = 1 %}{{ loop }}{% for x in l %}{% set loop = 2 %}{% endfor %}",
    "{% for x in 5 %}{% endfor %}", "{% for a, b in l %}{% endfor %}", "{% set d.a = 1 %}", "{% set 1 = x %}", "{% break %}", "{% for x in l %}",
    "{% if t %}{% endfor %}", "{% endif %}", "{% include 'x' %}", "{% import 'x' as y %}", "{% from 'x' import y %}", "{% extends 'x' %}", "{% do l %}",
    "{{ raise_exception('no ' ~ n) }}", "{{ strftime_now('%a %A %b %B %d %-d %e %j %H %I %M %S %p %y %Y %F %T %R %D %u %w %U %W %V %G %%') }}",
]

EXPRESSIONS = """
1_000 + 0x1F + 0b11 + 0o17 | 1.5e3 * 2 | 2 ** 3 ** 2 | -2 ** 2 | - n | abs | 7 // -2 | -7 % 3 | 7.5 // -2 | -7.5 % 2 | 1 / 3 | 10 ** 20 / 3 | 0.1 + 0.2
big * big | big // 7 | big % 1000 | exp * exp | 1e308 * 10 | 1 / 0 | 1.0 // 0 | 5 % 0 | 2 ** -1 | 2.0 ** 0.5 | n + true | 'a' * 3 | [1] * 2 | (1,) + (2,)
'a' + 1 | 1 + 'a' | [1] + (2,) | 'a' - 1 | none + 1 | x + 1 | -s | +t | not x | n ~ 1.0 ~ none ~ l ~ x | 'a' 'b' "c" | 'a' ~ 1 + 2
1 < n <= 5 < 6 | 'a' < 'B' | [1, 2] < [1, 3] | (1,) < [1] | 1 < 'a' | n == 5.0 | 1 == true | 'a' in s | 'H' in s | 2 in l | 'a' in d | 1 in 'a' | 1 in 5
n in [5] and 'z' or 'y' | no and 1 | e or le or 'd' | s if n else q | s if no | [s if no] | (s if no) is defined | (s if no).x | true and false == false
s[0] + s[-1] + s[1:3] + s[::-1] + s[::2] + s[-3:] + s[99:] | u[1] + u[::-1] + u[2:3] | l[1:] | l[::-2] | l[9] | l['0'] | d['zz'] | d.zz.y | x.y | x['y'] | no.y | n.real
l.0 | nest.x[0].y | nest['x'].0['y'] | s.upper | {'items': 1}.items | {'items': 1}['items'] | s.__class__ | s.__class__.x | l.append(1) | d.pop('a') | d.update({}) | l.copy() | l.pop() | l.index(2)
l.count(1) | l.index(9) | d.get('a') | d.get('z', 0) | d.keys() | d.values() | d.items() | d.copy() | d.items() | list | (1, 2).index(2) | range(5).stop | 5 .bit_length() | f.is_integer() | f.as_integer_ratio()
s.split() | s.split('o', 1) | s.rsplit(' ', 1) | ws.split(none, 1) | 'a,b,,c'.split(',') | 'abc'.split('') | ml.splitlines() | ml.splitlines(true) | s.partition(' ') | s.rpartition('o') | 'a'.partition('z')
ws.strip() | 'xxaxx'.strip('x') | 'abcba'.lstrip('ab') | 'abcba'.rstrip('ab') | '\\n a\\n'.strip('\\n') | s.removeprefix('He') | s.removesuffix('ld') | s.startswith('H') | s.startswith(('x', 'He')) | s.endswith('d', 3)
s.find('o') | s.rfind('o') | s.find('z') | s.index('z') | s.count('o') | s.find('o', 5) | s.replace('o', '0', 1) | 'ab'.replace('', '-') | 'ab'.replace('', '-', 2) | ', '.join(ls) | ','.join([1]) | u.find('😀')
case.upper() | case.lower() | case.title() | case.capitalize() | case.swapcase() | case.casefold() | case | title | case | capitalize | 'Σ Σ. ΑΣ'.lower() | "it's o'neil-x (ab)" | title | "it's o'neil".title()
s.center(20, '*') | s.ljust(13) + '|' | s.rjust(13) | '42'.zfill(5) | '-42'.zfill(5) | 'a\\tb'.expandtabs(4) | 'é'.encode() | s.isalpha() | 'ab'.isalpha() | '²'.isdigit() | '½'.isnumeric() | 'a_1'.isidentifier() | 'Ab Cd'.istitle()
'%s %5d|%-5s|%05.2f|%x|%o|%e|%g|%r|%c|%%' % (s, n, 'a', f, 255, 8, f, 1e10, 'q', 'c') | '%(a)s %(b)5s' % d | '%s' % n | '%s %s' % n | '%d' % 'a' | '%d' % 2.7 | '%z' % 1 | '%s' % (1, 2) | '%+d % d %#x' % (1, 2, 255)
'{} {1}'.format(1, 2) | '{0} {x!r:>6} {0:^5}|'.format(1, x='a') | '{a[0]}{b.r}'.format(a=l, b=ld[0]) | '{:,} {:_} {:.3f} {:e} {:g} {:%} {:#x} {:b} {:+} {:05d} {:<4}|'.format(1234567, 1234567, f, f, 1e20, 0.25, 255, 5, 1, 42, 'a')
'{'.format() | '}'.format() | '{{}}'.format() | '{}'.format() | '{x}'.format() | '{0.__class__}'.format(s) | '{:d}'.format('a') | '{:>{w}}'.format('a', w=4) | '{!s:.2}'.format(s) | '{:.0f} {:.0f} {:.1f}'.format(0.5, 1.5, 0.25)
d | tojson | ld | tojson(indent=2) | {'b': 1, 'a': [true, none, 1.0, exp, sm, big]} | tojson(sort_keys=true) | u | tojson | u | tojson(ensure_ascii=true) | esc | tojson | [1, {'a': 2}] | tojson(separators=(',', ':')) | {1: 2, none: 3, 1.5: 4, true: 5} | tojson
x | tojson | (1, 2) | tojson | {(1, 2): 3} | tojson | le | tojson(indent=2) | range(2) | tojson | q | e | q | escape | forceescape | q | safe + '<' | '<' + (q | safe) | (q | e).upper() | [q | safe] | '%s' | safe % '<' | q | striptags
['a', 'B', 'c'] | sort | ['a', 'B', 'c'] | sort(case_sensitive=true, reverse=true) | ld | sort(attribute='r,k') | map(attribute='k') | list | [1, 'a'] | sort | d | dictsort | d | dictsort(by='value') | {'b': 1, 'A': 2} | dictsort | ld | groupby('r') | ld | groupby('zz', default=0)
ld | groupby('r') | map(attribute='grouper') | join | ['a', 'A', 'b'] | unique | list | ld | unique(attribute='r') | map(attribute='k') | list | l | sum | ld | sum(attribute='k', start=10) | l | min | ls | max | le | min | ld | max(attribute='k')
l | batch(2) | list | l | batch(2, 0) | list | l | slice(2) | list | l | slice(2, 'x') | list | l | first | le | first | le | first is defined | l | last | s | last | l | reverse | list | s | reverse | l | join('-') | ld | join(',', attribute='r') | n | join
ls | map('upper') | join | ld | map(attribute='zz', default='-') | join | ls | map('replace', 'a', 'z') | list | ls | map | list | ls | map('nope') | list | l | select('odd') | list | l | reject('gt', 1) | list | ld | selectattr('r', 'equalto', 'u') | list | length | ld | rejectattr('z', 'defined') | list | length
[0, 1, '', 'a', none] | select | list | ld | selectattr('k') | list | length | ld | map(attribute='r') | select('in', ['u']) | list | n | length | d | length | u | length | x | length | no | default('z') | no | default('z', true) | x | default | x | d('z') | e | d('z', boolean=true)
'42.9' | int | '0x1f' | int(0, 16) | 'a' | int(7) | '1_0' | int | f | int | '1e3' | float | 'a' | float(2) | 'nan' | float | 42.55 | round | 42.55 | round(1) | 2.5 | round | 1234 | round(-2) | 42.55 | round(1, 'floor') | 2.1 | round(0, 'ceil') | n | round(1, 'x')
ml | indent | ml | indent(2, true) | ml | indent('> ', true, true) | 'a b c d e' | truncate(5) | 'abcdefghijklm' | truncate(5, true) | 'a b c d e f g' | truncate(6, false, '..', 0) | 'aa bb-cc ddddddd' | wordwrap(5) | 'aa ddddddd' | wordwrap(4, false) | 'a b' | wordcount | 'a' | center(5)
1 | filesizeformat | 1500 | filesizeformat | 2000000 | filesizeformat(true) | 'a b/c?é' | urlencode | {'a b': 'c&d'} | urlencode | [['x', 1]] | urlencode | {'class': 'a', 'x': none, 'y': '<'} | xmlattr | 'see http://a.com.' | urlize | 'www.a.org (x@y.de)' | urlize(6, true) | nest | pprint | ld * 4 | pprint
s | attr('upper') is callable | d | attr('a') | ld[0] | items | list | s | items | list | s | trim('Hd') | s | replace('l', 'L', 1) | '%s-%s' | format(1, 2) | '%(a)s' | format(a=1) | 5 | string | l | string | l | list | s | list | n | list | s | unknown | (s | unknown) if fa
x is defined | x is undefined | no is none | t is true | 1 is true | fa is false | t is boolean | n is number | t is integer | f is float | s is string | d is mapping | l is sequence | s is iterable | range(2) is sequence | range is callable | q is escaped | 5 is odd | 4 is even
6 is divisibleby 3 | 5 is divisibleby(2) | 'ab' is lower | 'AB' is upper | 3 is in l | n is eq 5 | n is not equalto 5 | n is ge 5 and n is lt 6 | s is sameas s | 'upper' is filter | 'odd' is test | s is unknown | s is not none is string | x is in [1] | n is gt 'a'
range(3) | list | range(5, 0, -2) | list | range(0) | range(1, 9)[::3] | range(10 ** 6) | range('a') | dict(a=1, **{'b': 2}) | dict([[1, 2]]) | dict(d, a=5) | namespace(a=1).a | joiner() ~ '' | cycler(1, 2).next() | cycler() | [1, [2.0, (3,)], {'a': none}] | {'a': {'b': [true]}}
[s, q, u, esc, '\\'', '"', '\\'"'] | [1e16, 1e15, 0.0001, 0.00001, -0.0, 123456789.123456789, 1e22] | (1,) | () | [x] | {'a'} | [1, 2 | {1: 2 | (1 | 1 +} | .5 | a.1b | 1a | 'a | "\\u00e9\\x41\\101\\N{BULLET}\\q\\é" | '\\xZ' | f(*l, **d) | f(1, *l) | n.0.1 | s(1) | none() | !
""".replace("\n", " ")

FILTERS = """upper lower title trim length list string int float first last reverse|list sort unique|list join sum min max tojson safe e default d dictsort round wordcount
urlencode indent pprint batch(2)|list slice(2)|list join(",") default("z",true) indent(2,true) replace("l","") truncate(5,true) round(1) tojson(indent=2) map("upper")|list
map(attribute="r")|list select|list selectattr("r")|list groupby("r") sort(reverse=true) attr("upper") format(1) center(9) items|list""".split()
METHODS = """upper() strip() lstrip("ab") split() split("b",1) rsplit(" ",1) splitlines() partition(" ") title() capitalize() startswith("H") find("o") count("l") replace("o","0")
replace("","-") join(["a","b"]) zfill(8) isalpha() format(1,"b") get("a") keys() items() copy() append(1) index(2) count(1) __class__ real r k nope""".split()
TESTS = "defined none string number integer mapping sequence iterable lower odd divisibleby(2) in(l) eq(1) gt(1) escaped callable".split()
NAMES = "s e ws n f neg t fa no l le ls d ld q u nest big exp sm missing x y".split()
LITERALS = ["'a'", "'b c'", "''", "'é😀'", "'<b>'", "'%s'", "'{}'", "0", "1", "2", "-1", "2.5", "1e16", "true", "none"]


class Grammar:
    """Random templates: expressions of filters, methods, operators and subscripts, and statements around them."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.pick = self.random.choice

    def expression(self, depth):
        if depth == 0:
            return self.pick(NAMES + LITERALS)
        part = lambda: self.expression(self.random.randrange(depth))
        return self.pick([
            lambda: f"({part()})|{self.pick(FILTERS)}", lambda: f"{part()}|{self.pick(FILTERS)}", lambda: f"({part()}).{self.pick(METHODS)}",
            lambda: f"{part()} is {self.pick(TESTS)}", lambda: f"({part()})[{part()}]", lambda: f"{self.pick(['s', 'l', 'u', 'ls'])}[{self.pick(['', '1', '-2'])}:{self.pick(['', '2', '-1'])}:{self.pick(['', '-1', '2'])}]",
            lambda: f"{part()} {self.pick(['+', '-', '*', '/', '//', '%', '~'])} {part()}", lambda: f"{part()} + {part()} + {part()}",
            lambda: f"{part()} {self.pick(['==', '!=', '<', '>=', 'in', 'not in'])} {part()}", lambda: f"{part()} {self.pick(['and', 'or'])} {part()}",
            lambda: f"not {part()}", lambda: f"({part()} if {part()} else {part()})", lambda: f"[{part()}, {part()}]", lambda: f"{{'k': {part()}}}", lambda: f"m({part()})",
        ])()

    def tag(self, text):
        return "{%" + self.pick(["", "-", "", "+"]) + f" {text} " + self.pick(["", "-", "", "+"]) + "%}" + self.pick(["", " ", "\n", "a\n  "])

    def statement(self, depth):
        if depth == 0:
            return self.pick(["", " ", "\n ", "a"]) + "{{ " + self.expression(2) + " }}" + self.pick(["", "\n", "  \n"])
        body = lambda: "".join(self.statement(self.random.randrange(depth)) for _ in range(self.random.randrange(1, 3)))
        return self.pick([
            lambda: self.tag("if " + self.expression(2)) + body() + self.tag("elif " + self.expression(1)) + body() + self.tag("else") + body() + self.tag("endif"),
            lambda: self.tag(f"for x in {self.pick(['l', 'ld', 'ls', 'd', 's', 'range(3)', self.expression(1)])}") + body() + "{{ loop.index }}" + self.tag("else") + body() + self.tag("endfor"),
            lambda: self.tag(f"set {self.pick(['x', 'y', 's'])} = {self.expression(2)}"), lambda: self.tag("set y") + body() + self.tag("endset"),
            lambda: self.tag(f"macro m(a, b={self.expression(1)})") + body() + "{{ a }}" + self.tag("endmacro"),
            lambda: self.tag(f"with x = {self.expression(1)}") + body() + self.tag("endwith"), lambda: self.tag("filter trim") + body() + self.tag("endfilter"),
            lambda: self.tag("generation") + body() + self.tag("endgeneration"),
        ])()

    def template(self):
        if self.random.random() < 0.5:
            return "{{ " + self.expression(3) + " }}"
        return "".join(self.statement(3) for _ in range(2))


class Generation(jinja2.ext.Extension):
    """transformers' {% generation %}."""

    tags = {"generation"}

    def __init__(self, environment):
        super().__init__(environment)
        environment.extend(written=[], spans=[])

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return nodes.CallBlock(self.call_method("_mark"), [], [], body).set_lineno(line)

    @jinja2.pass_eval_context
    def _mark(self, context, caller):
        text = caller()
        start = len("".join(self.environment.written))
        self.environment.spans.append([start, start + len(text)])
        return text


def environment():
    def raise_exception(message):
        raise jinja2.exceptions.TemplateError(message)

    def tojson(value, ensure_ascii=False, indent=None, separators=None, sort_keys=False):
        return json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)

    made = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    made.filters["tojson"] = tojson
    made.globals["raise_exception"] = raise_exception
    made.globals["strftime_now"] = lambda text: datetime.datetime(2026, 1, 15, 12, 34, 56).strftime(text)
    return made


def row(made, template):
    made.written, made.spans = [], []
    try:
        for text in made.from_string(template).generate(**json.loads(json.dumps(CONTEXT))):
            made.written.append(text)
        "".join(made.written)
        return {"template": template, "out": "".join(made.written), "spans": made.spans}
    except Exception as error:  # the error is the row
        return {"template": template, "error_type": type(error).__name__, "error": str(error).split(" (<template>")[0]}


def main():
    made = environment()
    grammar = Grammar(20260115)
    expressions = [part.strip() for part in EXPRESSIONS.split(" | ")]
    templates = STATEMENTS + chained(expressions) + [grammar.template() for _ in range(500)]
    print(json.dumps({"context": CONTEXT}, ensure_ascii=False))
    for template in templates:
        made_row = row(made, template)
        if any(end > len(made_row["out"]) for _, end in made_row.get("spans", [])):
            continue  # marked text that was thrown away has no place in the output
        if " at 0x" not in made_row.get("out", "") + made_row.get("error", "") and made_row.get("error_type") != "AssertionError":
            print(json.dumps(made_row, ensure_ascii=False))


def chained(parts):
    """Each part alone, and each with the one before it as a filter's input where it is a filter's name: 'l', 'sum' gives 'l', 'l | sum'."""
    templates = []
    for index, part in enumerate(parts):
        templates.append("{{ " + part + " }}")
        if index:
            templates.append("{{ " + parts[index - 1] + " | " + part + " }}")
    return templates


if __name__ == "__main__":
    main()
