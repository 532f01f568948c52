"""Likeness: what was copied is found whatever it is called, and what was written independently is not."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from course_ground import GOOD_ANSWER
from report_ground import LONG, RENAMED

from grader.content import builtin_root
from grader.course import tokens
from grader.course.result import PartKind
from grader.course.similarity import ALIKE, RARE_AT_MOST, Alike, Similarity

EXERCISES = sorted(path.name for path in (builtin_root() / "exercises").iterdir() if (path / "stub.py").is_file())
ATTENTION = (builtin_root() / "solutions" / "self_attention" / "reference.py").read_text(encoding="utf-8")


def stub(exercise: str) -> str:
    return (builtin_root() / "exercises" / exercise / "stub.py").read_text(encoding="utf-8")


def alike(*sources: str, given: str = "", kind: PartKind = "exercise") -> list[Alike]:
    """What is found among sources that students 0, 1, 2 .. handed in."""
    similarity = Similarity(kind, [given])
    for number, source in enumerate(sources):
        similarity.add(str(number), source)
    return similarity.found()


class TestCopies:
    def test_a_copy_under_other_names_and_comments_is_the_same(self) -> None:
        copy = ATTENTION
        for before, after in (("scores", "logits"), ("hidden", "mask"), ("weights", "w"), ("length", "n")):
            copy = re.sub(rf"\b{before}\b", after, copy)
        copy = re.sub(r"#.*", "", copy).replace('"""Let every', '"""Mine. Let every').replace("\n\n", "\n")
        assert copy != ATTENTION
        (found,) = alike(ATTENTION, copy, given=stub("self_attention"))
        assert (found.students, found.likeness) == (("0", "1"), 1.0)
        assert (found.left.source, found.right.source) == (ATTENTION, copy)

    def test_a_copy_with_changes_is_near(self) -> None:
        copy = ATTENTION.replace(" / math.sqrt(k.shape[-1])", " * k.shape[-1] ** -0.5").replace("diagonal=1", "1")
        copy += "\n\ndef spare(a):\n    return a * 2\n"
        (found,) = alike(ATTENTION, copy, given=stub("self_attention"))
        assert ALIKE <= found.likeness < 1.0
        (found,) = alike(LONG, RENAMED)
        assert ALIKE <= found.likeness < 1.0

    def test_functions_in_another_order_are_near(self) -> None:
        blocks = ATTENTION.split("\n\n")
        moved = "\n\n".join([*blocks[:3], *reversed(blocks[3:])])
        assert len(alike(ATTENTION, moved, given=stub("self_attention"))) == 1

    def test_many_verbatim_copies_are_one_group_however_common(self) -> None:
        assert [len(one.students) for one in alike(*[LONG] * (RARE_AT_MOST * 3))] == [RARE_AT_MOST * 3]

    def test_who_hangs_together_is_one_group(self) -> None:
        other = (builtin_root() / "solutions/self_attention/right/online.py").read_text(encoding="utf-8")
        found = alike(ATTENTION, other, f"{ATTENTION}#\n", f"{other}#\n", ATTENTION, given=stub("self_attention"))
        assert [one.students for one in found] == [("0", "2", "4"), ("1", "3")]

    def test_of_a_copy_of_a_copy_the_nearest_two_are_shown(self) -> None:
        second = LONG.replace("row * 0", "row - row")
        third = second.replace("rows.append(total)", "rows.insert(len(rows), total)")
        found = alike(LONG, third, second)
        assert [one.students for one in found] == [("0", "1", "2")]
        assert found[0].likeness >= alike(LONG, third)[0].likeness

    def test_a_chain_is_not_one_group_and_the_badge_holds_for_all_that_are_named(self) -> None:
        lines = [
            "\n".join(
                f"def g{n}_{k}(x):\n    return torch.{word}(x, {n}, {k}) - x.{word}({k * n + 7})" for k in range(6)
            )
            for n, word in enumerate("sin cos tan exp log abs".split())
        ]
        chain = ["\n".join(lines[start : start + 3]) for start in range(4)]
        same = re.sub(r"\bx\b", "y", chain[1])
        found = alike(*chain, same)
        near = {
            pair
            for pair in combinations(range(5), 2)
            if alike(*(source for number, source in enumerate([*chain, same]) if number in pair))
        }
        assert (0, 1) in near
        assert (0, 3) not in near
        for one in found:
            assert set(combinations(sorted(map(int, one.students)), 2)) <= near
        assert [one.students for one in found if one.likeness == 1.0] == [("1", "4")]
        assert {pair for one in found for pair in combinations(sorted(map(int, one.students)), 2)} == near

    def test_what_does_not_parse_is_compared_all_the_same(self) -> None:
        broken = LONG + "\n    )]} '''\n"
        (found,) = alike(broken, broken.replace("rows", "lines"))
        assert found.likeness == 1.0

    def test_answers(self) -> None:
        (found,) = alike(GOOD_ANSWER, GOOD_ANSWER.upper().replace("noise", "NOISE vectors"), kind="question")
        assert found.likeness >= ALIKE
        chinese = (
            "生成对抗网络有两个网络互相博弈：生成器把噪声变成样本，判别器区分样本和真实数据，"
            "两者交替训练，直到分布一致。"
        )
        (found,) = alike(chinese, chinese.replace("交替", "轮流"), kind="question")
        assert found.likeness >= ALIKE


class TestNoCopies:
    @pytest.mark.parametrize("exercise", EXERCISES)
    def test_right_answers_written_independently(self, exercise: str) -> None:
        folder = builtin_root() / "solutions" / exercise
        files = [folder / "reference.py", *sorted((folder / "right").glob("*.py"))]
        sources = [file.read_text(encoding="utf-8") for file in files]
        assert len(sources) > 1
        assert alike(*sources, given=stub(exercise)) == []
        for pair in combinations(sources, 2):
            assert alike(*pair, given=stub(exercise)) == []

    def test_the_stub_says_nothing(self) -> None:
        given = stub("self_attention")
        assert alike(given, f"{given}\n# mine", given=given) == []
        assert alike(LONG, RENAMED, given=f"{LONG}\n{RENAMED}") == []

    def test_what_is_short_says_nothing(self) -> None:
        assert alike("def f(x):\n    return x * 2\n", "def f(y):\n    return y * 2\n") == []
        assert alike("", "", " \n") == []

    def test_what_many_have_in_common_says_nothing(self) -> None:
        """An idiom that everybody writes differently around it."""
        idiom = "\n".join(f"    y = y.reshape(-1, {number}).sum(dim={number}) / torch.sqrt(y)" for number in range(3))
        words = "sin cos tan exp log abs neg ceil sign frac relu tanh erf rsqrt".split()

        def line(n: int, k: int) -> str:
            return f"    z = torch.{words[(n * 3 + k * k) % 14]}(torch.{words[(n + k) % 14]}(z), {n * k})"

        own = ["\n".join(line(n, k) for k in range(9)) for n in range(14)]
        assert alike(*[f"def f(y, z):\n{idiom}\n{each}\n    return y, z\n" for each in own]) == []


class TestWords:
    def test_names_of_ones_own_are_one_word_and_those_of_libraries_stay(self) -> None:
        source = (
            "import torch\nfrom math import sqrt as root\n\nclass Net(torch.nn.Module):\n    '''Mine.'''\n"
            "    def forward(self, x, *, scale=None, **rest):\n        self.seen = y = x.softmax(dim=-1)  # (B, T)\n"
            "        found = [torch.relu(v) for k, v in rest.items() if (n := len(k))]\n"
            "        return found + [lambda q: q, root(y), self.seen]\n"
        )
        words = {word for word, _ in tokens.code(source)}
        assert not words & set("Net forward self x scale rest seen y v k n q root sqrt found".split())
        assert {"softmax", "relu", "nn", "Module", "items", "dim", "len", "None", "for", "lambda", ":="} <= words

    def test_comments_docstrings_and_layout_are_no_words(self) -> None:
        bare = "def f(x):\n    return x + 1\n"
        dressed = 'def f(\n    x,\n):  # add\n    """Add one.\n\n    # not code\n    """\n\n    return x + 1  # done\n'
        assert [word for word, _ in tokens.code(dressed) if word != ","] == [word for word, _ in tokens.code(bare)]

    def test_each_word_knows_its_line(self) -> None:
        assert tokens.code("a = 1\n\n'''x\ny'''\nprint(a)") == [
            ("name", 0), ("=", 0), ("1", 0), ("print", 4), ("(", 4), ("name", 4), (")", 4),
        ]  # fmt: skip
        assert tokens.prose("Ab c\n注意") == [("ab", 0), ("c", 0), ("注", 1), ("意", 1)]

    @pytest.mark.parametrize(
        "source",
        [
            "(" * 100_000, "'" * 99_999, '"""' + "a" * 100_000, "\\" * 50_000, "f'" * 50_000, "-" * 100_000 + "1",
            "a." * 50_000, "1e" * 50_000, "\x00\ud800\u202e" * 1000, "\n" * 100_000, "lambda:" * 20_000, "x=" * 50_000,
        ],
        ids=range(12),
    )  # fmt: skip
    def test_no_source_brings_it_down(self, source: str) -> None:
        alike(source, source[:-1], given=source[:100])


def test_a_large_cohort_is_no_matter_of_all_pairs() -> None:
    """Thousands of texts that share what everybody writes; one is copied. All pairs would be twelve million."""
    similarity = Similarity("exercise")
    for number in range(5000):
        source = "\n".join(
            ["def f(y, z):", "    y = y.reshape(-1).sum() / torch.sqrt(y)"]
            + [f"    z = torch.f{number % 97}(z, {number * 31 + line}) + torch.g{line}(y)" for line in range(8)]
        )
        similarity.add(f"s{number:04}", source)
        if number == 4321:
            similarity.add("copy", source.replace("z", "mine"))
    assert ("copy", "s4321") in [one.students for one in similarity.found() if one.likeness == 1.0]
