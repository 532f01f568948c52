"""exercise.yaml: what is read, and every message about what cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from grader.content import Catalogue, Entry, Limits, Method
from grader.errors import ContentError, Text

FULL = """\
title: {en: LoRA, zh: LoRA}
topic: quantization
questions: [quantization, gpt-3]
level: 3
minutes: 40
after: [scale]
entries:
  LoRALinear:
    kind: module
    signature: (base, rank, alpha)
    methods:
      forward: {signature: (x), returns: tensor}
      merge: {signature: (), returns: module}
      from_float: {kind: classmethod, signature: "(linear, bits=8)", returns: module}
  decode:
    kind: function
    signature: (x, cache=None)
    returns: tensor, opaque
bans: [torch.nn.functional.linear, torch.matmul]
rules: [key-mask, no]
checks: [test_a, test_b]
limits: {call_seconds: 2.5, memory_mb: 2048}
"""


def test_every_key_is_read(write, root: Path) -> None:
    write("scale")
    write("lora", yaml=FULL)
    exercise = Catalogue([root]).get("lora")
    assert exercise.id == "lora"
    assert exercise.title == Text("LoRA", "LoRA")
    assert exercise.topic == "quantization"
    assert exercise.questions == ("quantization", "gpt-3")
    assert (exercise.level, exercise.minutes) == (3, 40)
    assert exercise.after == ("scale",)
    assert exercise.entries == (
        Entry(
            "LoRALinear",
            "module",
            "(base, rank, alpha)",
            "module",
            (
                Method("forward", "method", "(x)", "tensor"),
                Method("merge", "method", "()", "module"),
                Method("from_float", "classmethod", "(linear, bits=8)", "module"),
            ),
        ),
        Entry("decode", "function", "(x, cache=None)", "tensor, opaque"),
    )
    assert exercise.bans == ("torch.nn.functional.linear", "torch.matmul")
    assert exercise.rules == ("key-mask", "no")  # YAML 1.1 would make a False of it
    assert exercise.checks == ("test_a", "test_b")
    assert exercise.limits == Limits(2.5, 2048)


def test_what_may_be_left_out_has_a_usual_value(write, root: Path) -> None:
    write("scale")
    exercise = Catalogue([root]).get("scale")
    assert (exercise.questions, exercise.after, exercise.bans) == ((), (), ())
    assert exercise.limits == Limits(call_seconds=10.0, memory_mb=1024)


def test_files_are_named(write, root: Path) -> None:
    write("scale")
    exercise = Catalogue([root]).get("scale")
    assert exercise.public == root / "exercises" / "scale"
    assert exercise.private == root / "solutions" / "scale"
    assert exercise.yaml_file == root / "exercises/scale/exercise.yaml"
    assert exercise.stub_file == root / "exercises/scale/stub.py"
    assert exercise.statement_file("zh") == root / "exercises/scale/statement.zh.md"
    assert exercise.checks_file == root / "solutions/scale/checks.py"
    assert exercise.reference_file == root / "solutions/scale/reference.py"
    assert exercise.mistakes_file == root / "solutions/scale/mistakes.py"
    assert exercise.right_files == (root / "solutions/scale/right/loops.py",)


# Each: what is replaced in the sound file, by what; then what follows `exercises/scale/exercise.yaml:`, and the remedy.
BROKEN = {
    "unknown key, a slip": (
        "minutes: 5",
        "minuts: 5",
        "4: unknown key 'minuts'",
        "did you mean 'minutes'?",
    ),
    "unknown key, a new one": (
        "level: 1",
        "level: 1\nauthor: me",
        "4: unknown key 'author'",
        "known here: title, topic, level, minutes, entries, rules, checks, questions, after, bans, limits; "
        "a new key is added in grader/content/schema.py",
    ),
    "unknown key without a value": (
        "level: 1",
        "level: 1\nauthor:",
        "4: unknown key 'author'",
        "known here: title, topic, level, minutes, entries, rules, checks, questions, after, bans, limits; "
        "a new key is added in grader/content/schema.py",
    ),
    "unknown key below an entry": (
        "    returns: tensor",
        "    retuns: tensor",
        "9: entries.scale: unknown key 'retuns'",
        "did you mean 'returns'?",
    ),
    "missing key": (
        "level: 1\n",
        "",
        "1: the key 'level' is missing",
        "add `level: ...`; docs/authoring.md describes it",
    ),
    "missing key below": (
        "    returns: tensor\n",
        "",
        "6: entries.scale: the key 'returns' is missing",
        "add `returns: ...`; docs/authoring.md describes it",
    ),
    "title in one language": (
        "{en: Scale, zh: 缩放}",
        "{en: Scale}",
        "1: title: the key 'zh' is missing",
        "add `zh: ...`; docs/authoring.md describes it",
    ),
    "title without keys": (
        "{en: Scale, zh: 缩放}",
        "Scale",
        "1: title: expected keys and values, found 'Scale'",
        "write one `key: value` a line, indented",
    ),
    "empty text": (
        "{en: Scale, zh: 缩放}",
        "{en: Scale, zh: }",
        "1: title.zh: is empty",
        "write a value, or leave the key out if it may be",
    ),
    "topic, a slip": (
        "topic: attention",
        "topic: atention",
        "2: topic: 'atention' is not one of 'attention', 'pretraining', 'multimodal', 'generation', 'quantization', "
        "'sparsity', 'bert', 'gpt'",
        "did you mean 'attention'?",
    ),
    "topic, another": (
        "topic: attention",
        "topic: vision",
        "2: topic: 'vision' is not one of 'attention', 'pretraining', 'multimodal', 'generation', 'quantization', "
        "'sparsity', 'bert', 'gpt'",
        "take one of these",
    ),
    "level too high": (
        "level: 1",
        "level: 4",
        "3: level: '4' does not fit here",
        "write a whole number from 1 to 3",
    ),
    "level in words": (
        "level: 1",
        "level: easy",
        "3: level: 'easy' does not fit here",
        "write a whole number from 1 to 3",
    ),
    "minutes as a list": (
        "minutes: 5",
        "minutes: [5]",
        "4: minutes: expected a text, found a list",
        "write the value on the line of its key",
    ),
    "minutes in parts": (
        "minutes: 5",
        "minutes: 5.5",
        "4: minutes: '5.5' does not fit here",
        "write a whole number from 1 to 600",
    ),
    "question": (
        "level: 1",
        "questions: [Self Attention]\nlevel: 1",
        "3: questions[0]: 'Self Attention' does not fit here",
        "write a question's id, such as self-attention",
    ),
    "rules as a text": (
        "rules: [shape, values]",
        "rules: shape",
        "10: rules: expected a list, found 'shape'",
        "write [a, b], or [] for none",
    ),
    "rules left empty": (
        "rules: [shape, values]",
        "rules:",
        "10: rules: expected a list, found nothing",
        "write [a, b], or [] for none",
    ),
    "no rules": (
        "rules: [shape, values]",
        "rules: []",
        "10: rules: has 0 names, needs at least 1",
        "each is a rule's name, such as key-mask",
    ),
    "rule twice": (
        "rules: [shape, values]",
        "rules:\n  - shape\n  - values\n  - shape",
        "13: rules[2]: 'shape' is there twice, first on line 11",
        "keep one of the two",
    ),
    "rule with a space": (
        "rules: [shape, values]",
        "rules: [key mask]",
        "10: rules[0]: 'key mask' does not fit here",
        "write a rule's name, such as key-mask",
    ),
    "no checks": (
        "checks: [test_runs, test_values]",
        "checks: []",
        "11: checks: has 0 names, needs at least 1",
        "each is the name of a check, which starts with test_",
    ),
    "check without test_": (
        "checks: [test_runs, test_values]",
        "checks: [test_runs, values]",
        "11: checks[1]: 'values' does not fit here",
        "write the name of a check, which starts with test_",
    ),
    "check twice": (
        "checks: [test_runs, test_values]",
        "checks: [test_runs, test_runs]",
        "11: checks[1]: 'test_runs' is there twice, first on line 11",
        "keep one of the two",
    ),
    "ban without a dot": (
        "level: 1",
        "bans: [softmax]\nlevel: 1",
        "3: bans[0]: 'softmax' does not fit here",
        "write a dotted name, such as torch.nn.functional.softmax",
    ),
    "ban with a digit in front": (
        "level: 1",
        "bans: [torch.2d]\nlevel: 1",
        "3: bans[0]: 'torch.2d' does not fit here",
        "write a dotted name, such as torch.nn.functional.softmax",
    ),
    "after itself": (
        "level: 1",
        "after: [scale]\nlevel: 1",
        "3: after: names the exercise itself",
        "remove it",
    ),
    "after nothing known": (
        "level: 1",
        "after: [scall]\nlevel: 1",
        "3: after: there is no exercise 'scall'",
        "did you mean 'scale'?",
    ),
    "after nothing known, nothing close": (
        "level: 1",
        "after: [zzz]\nlevel: 1",
        "3: after: there is no exercise 'zzz'",
        "remove it",
    ),
    "after in dashes": (
        "level: 1",
        "after: [self-attention]\nlevel: 1",
        "3: after[0]: 'self-attention' does not fit here",
        "write an exercise's id: small letters, digits and underscores, a letter first",
    ),
    "limit of no size": (
        "level: 1",
        "limits: {call_seconds: 0}\nlevel: 1",
        "3: limits.call_seconds: '0' does not fit here",
        "write a number from 0.1 to 600",
    ),
    "limit not a number": (
        "level: 1",
        "limits: {call_seconds: nan}\nlevel: 1",
        "3: limits.call_seconds: 'nan' does not fit here",
        "write a number from 0.1 to 600",
    ),
    "limit of memory": (
        "level: 1",
        "limits: {memory_mb: 8}\nlevel: 1",
        "3: limits.memory_mb: '8' does not fit here",
        "write a whole number from 64 to 65536",
    ),
    "limit unknown": (
        "level: 1",
        "limits: {seconds: 8}\nlevel: 1",
        "3: limits: unknown key 'seconds'",
        "did you mean 'call_seconds'?",
    ),
    "no entries": (
        "entries:\n  scale:\n    kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor\n",
        "entries: {}\n",
        "5: entries: names no entry",
        "name the function or class that the checks call",
    ),
    "entry without keys": (
        "    kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor\n",
        "",
        "6: entries.scale: expected keys and values, found nothing",
        "write one `key: value` a line, indented",
    ),
    "entry's name": (
        "  scale:",
        "  scale-it:",
        "6: entries.scale-it: 'scale-it' is not a Python name",
        "write it as it stands in stub.py",
    ),
    "entry's name a keyword": (
        "  scale:",
        "  lambda:",
        "6: entries.lambda: 'lambda' is not a Python name",
        "write it as it stands in stub.py",
    ),
    "kind": (
        "kind: function",
        "kind: class",
        "7: entries.scale.kind: 'class' is not one of 'function', 'module'",
        "take one of these",
    ),
    "returns": (
        "returns: tensor",
        "returns: tensr",
        "9: entries.scale.returns: 'tensr' is not one of 'tensor', 'tensor, tensor', 'tensor, opaque', "
        "'list of tensors', 'dict of tensors', 'int', 'module', 'any'",
        "did you mean 'tensor'?",
    ),
    "methods of a function": (
        "    returns: tensor",
        "    methods: {}",
        "9: entries.scale.methods: does not belong here",
        "only an entry of kind module has methods",
    ),
    "returns of a module": (
        "kind: function",
        "kind: module",
        "9: entries.scale.returns: does not belong here",
        "a module has no `returns` of its own: its methods have",
    ),
    "module without methods": (
        "kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor",
        "kind: module\n    signature: (rank)",
        "6: entries.scale: the key 'methods' is missing",
        "add `methods: ...`; docs/authoring.md describes it",
    ),
    "special method": (
        "kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor",
        "kind: module\n    signature: (rank)\n    methods:\n      __init__: {signature: (), returns: any}",
        "10: entries.scale.methods.__init__: is a special name of Python",
        "remove it: the signature of __init__ is that of the entry",
    ),
    "method's kind": (
        "kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor",
        "kind: module\n    signature: (rank)\n    methods:\n      f: {kind: clasmethod, signature: (), returns: any}",
        "10: entries.scale.methods.f.kind: 'clasmethod' is not one of 'method', 'classmethod'",
        "did you mean 'classmethod'?",
    ),
    "comma in braces": (
        "kind: function\n    signature: (x, *, factor=1.0)\n    returns: tensor",
        "kind: module\n    signature: (rank)\n    methods:\n      forward: {signature: (x, p), returns: tensor}",
        "10: entries.scale.methods.forward: unknown key 'p)'",
        'a comma inside {...} ends the value: put quotes around it, as in signature: "(x, p)"',
    ),
}


@pytest.mark.parametrize(("old", "new", "message", "remedy"), BROKEN.values(), ids=BROKEN)
def test_a_fault_names_its_place_and_its_remedy(
    write, root: Path, old: str, new: str, message: str, remedy: str
) -> None:
    path = write("scale")
    sound = path.read_text(encoding="utf-8")
    assert sound.count(old) == 1, "the table must replace exactly one place"
    path.write_text(sound.replace(old, new), encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        Catalogue([root]).get("scale")
    assert caught.value.message.en == f"exercises/scale/exercise.yaml:{message}"
    assert caught.value.remedy.en == remedy
    # what a Chinese reader sees has the same place, and is Chinese
    place = caught.value.message.en.split(": ")[0]
    assert caught.value.message.zh.startswith(place)
    assert any("一" <= letter <= "鿿" for letter in caught.value.message.zh)
    assert any("一" <= letter <= "鿿" for letter in caught.value.remedy.zh)


@pytest.mark.parametrize(
    "signature",
    [
        "x, y",
        "(x",
        "(x))",
        "(x, x)",
        "(x) -> int",
        "(*, )",
        "(a=1, b)",
        "(2x)",
        "2(x)",
        "(x): pass #)",
        "(x): return 1",
        r"(x):\n    pass\n#",
        r"(x):\n    pass\ndef other()",
    ],
)
def test_a_signature_is_a_parameter_list(write, root: Path, signature: str) -> None:
    path = write("scale")
    text = path.read_text(encoding="utf-8").replace("(x, *, factor=1.0)", f'"{signature}"')
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        Catalogue([root]).get("scale")
    written = signature.replace(r"\n", "\n")
    assert caught.value.message.en == (
        f"exercises/scale/exercise.yaml:8: entries.scale.signature: '{written}' is not a parameter list"
    )
    assert caught.value.remedy.en == "write it as Python does, for example (x, *, factor=1.0)"


@pytest.mark.parametrize("name", ["self", "cls"])
def test_a_signature_leaves_self_out(write, root: Path, name: str) -> None:
    path = write("scale")
    text = path.read_text(encoding="utf-8").replace("(x, *, factor=1.0)", f"({name}, x)")
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ContentError) as caught:
        Catalogue([root]).get("scale")
    assert caught.value.message.en == (
        f"exercises/scale/exercise.yaml:8: entries.scale.signature: '({name}, x)' names {name}"
    )
    assert caught.value.remedy.en == f"leave {name} out"


@pytest.mark.parametrize("signature", ["()", "(x, /, y, *more, p: float = 0.5, **rest)", "(dtype=torch.float32)"])
def test_every_form_of_parameter_is_a_signature(write, root: Path, signature: str) -> None:
    path = write("scale")
    text = path.read_text(encoding="utf-8").replace("(x, *, factor=1.0)", f'"{signature}"')
    path.write_text(text, encoding="utf-8")
    assert Catalogue([root]).get("scale").entries[0].signature == signature
