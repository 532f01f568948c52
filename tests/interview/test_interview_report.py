"""The report and its two pages: what counts for and against, and that a candidate's words stay words."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from interview_parts import covering, exercise, graded, point, question, verdict

from grader.answers.result import Wrong
from grader.errors import Language, Text
from grader.interview.pages import html, markdown
from grader.interview.plan import Plan
from grader.interview.record import Asked, Coded, Probe, Record
from grader.interview.report import Report, Voice, clock, plain, summarise

TOPICS = {"gpt": Text("GPT", "GPT"), "bert": Text("BERT", "BERT"), "gan": Text("unused", "不用")}
FLAGS = {"keyword_list": Text("These are keywords.", "这是一串关键词。")}
WORDS = {"en": "Strengths", "zh": "答得好的地方"}

GOOD, POOR, SKIPPED, LATE = question("good"), question("poor", "bert"), question("skipped", "bert"), question("late")
LINEAR, CONV, NEVER = exercise("linear"), exercise("conv", "bert", minutes=20), exercise("never")


def record(answer: str = "a b c", quote: str = "it is so") -> Record:
    """One good answer, one poor one that was asked about, one skipped, one never reached; code passed and failed."""
    good = Asked(GOOD, answer=answer, grade=covering(GOOD, "a b c"), seconds=65)
    wrong = Wrong(quote, "confused", Text("It is not so.", "并非如此。"))
    first = graded("poor", 0.1, point("p", "partial"), point("q"), point("r", "contradicted"), wrong=(wrong,))
    whole = graded(
        "poor", 0.3, point("p", "partial"), point("q", "covered"), point("r", "contradicted"), wrong=(wrong,)
    )
    poor = Asked(POOR, None, answer, first, Probe(point("q"), answer), whole, 300)
    coded = [
        Coded(LINEAR, verdict("linear", "passed", "passed"), seconds=600),
        Coded(CONV, verdict("conv", "passed", "failed", message=quote), seconds=700),
    ]
    plan = Plan(4711, 45, (GOOD, POOR, SKIPPED, LATE), (LINEAR, CONV, NEVER))
    begun = datetime(2026, 3, 1, 12, tzinfo=UTC)
    return Record(plan, begun, [good, poor, Asked(SKIPPED)], coded, "time", 2710)


def report(of: Record | None = None, language: Language = "en", again: str | None = None) -> Report:
    voice = Voice(language, lambda words: f"practice {words}", TOPICS, FLAGS)  # type: ignore[arg-type]
    return summarise(of or record(), voice, again=again)


class TestSummary:
    def test_tells_scores(self) -> None:
        found = report()
        assert found.talk == pytest.approx((1.0 + 0.2 + 0.0) / 3)
        assert found.code == 0.75
        assert [(one.name, one.questions, one.exercises) for one in found.topics] == [("GPT", 1, 1), ("BERT", 2, 1)]
        assert [one.share for one in found.topics] == pytest.approx([1.0, (0.2 + 0.0 + 0.5) / 3])
        assert found.ending == "It ended when the time was over."
        assert found.unreached == ("What is late?", "Write never")

    def test_tells_strengths_and_gaps_the_worst_first(self) -> None:
        found = report()
        assert [one.id for one in found.strengths] == ["good"]
        assert [line.text for line in found.strengths[0].by_themselves] == ["Point b.", "Point a.", "Point c."]
        skipped, poor = found.gaps
        assert (skipped.id, skipped.skipped) == ("skipped", True)
        assert [line.text for line in poor.open] == ["And p?"], "hints, not the points themselves"
        assert [(line.quote, line.why) for line in poor.wrong] == [("it is so", "It is not so.")]
        (covered,) = poor.covered
        assert (covered.text, covered.asked_for) == ("Point q.", True)
        assert poor.by_themselves == ()

    def test_tells_of_a_point_that_stayed_missing_when_it_was_asked_for(self) -> None:
        one = record()
        one.asked[1].whole = None
        (line,) = (line for line in report(one).gaps[1].missing)
        assert (line.text, line.asked_for) == ("And q?", True)
        assert not report(one).gaps[1].partly[0].asked_for

    def test_tells_what_failed_in_the_code(self) -> None:
        passed, failed = report().written
        assert (passed.status, passed.passed, passed.failed) == ("passed", True, ())
        assert (failed.status, failed.points, failed.max_points) == ("not passed", 2.0, 4.0)
        assert [(check.title, check.message) for check in failed.failed] == [("Check 1", "it is so")]
        assert [(one.what, one.hint) for one in failed.diagnosis] == [("It does not scale.", "By what?")]

    def test_says_what_to_do_next(self) -> None:
        commands = [one.command for one in report(again="interview --seed 4711").todo]
        assert commands == [
            "practice ask skipped",
            "practice ask poor",
            "practice hint conv",
            "practice run conv",
            "practice interview --topic bert",
            "practice review",
            "practice interview --seed 4711",
        ]

    def test_of_code_that_came_to_nothing(self) -> None:
        one = record()
        one.coded = [
            Coded(LINEAR),
            Coded(LINEAR, skipped=True),
            Coded(LINEAR, fault=Text("It died.", "它中断了。")),
            Coded(LINEAR, verdict("linear", "broken")),
        ]
        found = report(one)
        assert [written.status for written in found.written] == [
            "handed out, and not handed in",
            "skipped",
            "It died.",
            "the grader was at fault, not you",
        ]
        assert found.code == 0.0, "only what was skipped says something"
        assert "practice hint linear" not in [todo.command for todo in found.todo]

    def test_explains_a_flag(self) -> None:
        one = record()
        one.asked = [Asked(POOR, answer="x y", grade=graded("poor", 0.0, point("p"), flags=("keyword_list",)))]
        assert report(one).gaps[0].flags == ("These are keywords.",)

    def test_speaks_chinese(self) -> None:
        found = report(language="zh")
        assert found.gaps[1].prompt == "什么是 poor？"
        assert found.written[1].failed[0].message == "错了：it is so"
        assert found.todo[0].why == "再答一次，并阅读参考回答"

    def test_leaves_out_what_steers_a_terminal(self) -> None:
        assert plain("a\x1b[31mb\x00\u202ec\r\nd\te\u3000f 中文") == "a\ufffd[31mb\ufffd\ufffdc\nd\te f 中文"
        assert "\x1b" not in str(report(record("\x1b[2J", "\x1b[2J")))

    def test_tells_time_in_minutes_and_seconds(self) -> None:
        assert [clock(seconds) for seconds in (0, 4.6, 65, 2710)] == ["0:00", "0:05", "1:05", "45:10"]


class Page(HTMLParser):
    """The elements of a page with their attributes, and its text; elements left open are an error."""

    VOID = frozenset({"meta", "br"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in self.VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


HOSTILE = (
    '<script>alert(1)</script> "quoted" <img src=x onerror=alert(1)> {{ 7 * 7 }} </p></body> & `tick` ```\n# big\n| a |'
)


class TestHtml:
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_is_one_well_formed_file_without_network(self, language: Language) -> None:
        text = html(report(language=language))
        page = Page(text)
        assert page.elements[0] == ("html", {"lang": "zh-CN" if language == "zh" else "en"})
        assert not {tag for tag, _ in page.elements} & {"script", "img", "link", "iframe", "object", "a"}
        assert not {name for _, attributes in page.elements for name in attributes} & {"src", "href", "onclick"}
        assert not re.search(r"https?:|url\(|@import", text)
        assert "default-src 'none'" in text
        assert WORDS[language] in page.words
        assert re.search(r"@media print", text)

    def test_shows_a_candidates_words_as_words(self) -> None:
        text = html(report(record(HOSTILE, HOSTILE)))
        page, same = Page(text), Page(html(report()))
        assert [tag for tag, _ in page.elements] == [tag for tag, _ in same.elements]
        assert page.words.count(HOSTILE) == 4, "two answers, what came when one was asked about, and a message"
        assert "{{ 7 * 7 }}" in text

    def test_shows_everything(self) -> None:
        said = " ".join(Page(html(report())).words)
        for words in ("40%", "75%", "And p?", "It is not so.", "It does not scale.", "practice hint conv", "4711"):
            assert words in said, words


class TestMarkdown:
    @pytest.mark.parametrize("language", ["en", "zh"])
    def test_has_the_sections(self, language: Language) -> None:
        text = markdown(report(language=language))
        assert f"\n## {WORDS[language]}\n" in text
        assert len(re.findall(r"^## ", text, re.M)) == 7
        assert "\n\n\n" not in text
        assert "{" not in text
        assert not re.search(r"[ \t]$", text, re.M)

    def test_reads_as_it_should(self) -> None:
        text = markdown(report())
        for line in (
            "- Seed: 4711",
            "| BERT | 23% | 2 | 1 |",
            "- This is wrong: `it is so` It is not so.",
            "not passed · 2/4 points · 11:40 (planned for 20:00)",
            "- Check 1: it is so",
            "- A hint for the first check that failed: `practice hint conv`",
            "**Asked about that**: And q?",
            "- Point q. `said of q` (came only when it was asked for)",
            "- Write never",
        ):
            assert f"\n{line}\n" in text, line

    def test_shows_a_candidates_words_as_words(self) -> None:
        from markdown_it import MarkdownIt

        def shape(answer: str) -> list[str]:
            tokens = MarkdownIt("commonmark").enable("table").parse(markdown(report(record(answer, answer))))
            inside = [child.type for token in tokens for child in token.children or [] if child.type != "text"]
            return [token.type for token in tokens] + sorted({*inside} - {"text_special"})

        assert shape(HOSTILE) == shape("it is so")
        fences = [t.content for t in MarkdownIt().parse(markdown(report(record(HOSTILE)))) if t.type == "fence"]
        assert fences.count(HOSTILE + "\n") == 3
