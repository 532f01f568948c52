"""What a report says around the candidate's own words."""

from __future__ import annotations

from grader.errors import Text
from grader.interview.record import Ending

LABELS = {
    "title": Text("Mock interview", "模拟面试"),
    "date": Text("Date", "日期"),
    "time": Text("Time", "用时"),
    "seed": Text("Seed", "种子"),
    "questions": Text("Questions", "问答"),
    "code": Text("Code", "编程"),
    "topics": Text("Scores by topic", "各主题得分"),
    "topic": Text("Topic", "主题"),
    "score": Text("Score", "得分"),
    "strengths": Text("Strengths", "答得好的地方"),
    "no_strengths": Text(
        "Nothing stood yet on its own. The gaps below say where to begin.",
        "这一次还没有能独立答好的题，可以从下面的不足之处开始。",
    ),
    "gaps": Text("Gaps", "不足之处"),
    "no_gaps": Text("None: every point that was asked for was covered.", "没有：问到的要点都答到了。"),
    "missed": Text("Not recognised. Think about:", "没有看到这些要点，想一想："),
    "partly": Text("Only partly said. Think about:", "只说到一部分，想一想："),
    "though_asked": Text("(asked for, and still missing)", "（追问之后仍没有答到）"),
    "asked_for": Text("(came only when it was asked for)", "（追问之后才答到）"),
    "wrong": Text("This is wrong", "这里说错了"),
    "why": Text("Why", "原因"),
    "skipped": Text("skipped", "跳过"),
    "exercises": Text("Exercises", "编程题"),
    "failed": Text("Checks that failed", "没有通过的检查"),
    "behaves": Text("What the code does", "代码的实际行为"),
    "next": Text("What to do next", "接下来做什么"),
    "used": Text("Where the time went", "时间用在哪里"),
    "follow_up": Text("follow-up", "追问"),
    "probe": Text("Asked about that", "就此追问"),
    "transcript": Text("The interview, word by word", "面试全过程"),
    "answer": Text("Your answer", "你的回答"),
    "counted": Text("What counted", "答到的要点"),
    "no_answer": Text("no answer", "没有回答"),
    "unreached": Text("Not reached", "没有问到的"),
    "points": Text("points", "分"),
    "colon": Text(": ", "："),
    "planned": Text("(planned for %s)", "（预计 %s）"),
}

ENDINGS: dict[Ending, Text] = {
    "finished": Text("Everything that was planned came up.", "计划的内容都问完了。"),
    "time": Text("It ended when the time was over.", "时间到，面试结束。"),
    "interrupted": Text("You ended it early.", "你提前结束了面试。"),
    "input": Text("It ended where the answers ended.", "回答到此为止，面试结束。"),
}

OUTCOMES = {
    "adequate": Text("adequate", "合格"),
    "partial": Text("partly there", "部分答到"),
    "inadequate": Text("not there yet", "还没有答到"),
}

LEFT = Text("handed out, and not handed in", "已发放，没有提交")
PASSED = Text("passed", "通过")
NOT_PASSED = Text("not passed", "未通过")
BROKEN = Text("the grader was at fault, not you", "评分程序出错，不是你的问题")

ANSWER_AGAIN = Text("Answer it again, and read the reference answer", "再答一次，并阅读参考回答")
A_HINT = Text("A hint for the first check that failed", "看第一个未通过检查的提示")
GO_ON = Text("Go on with the code", "继续写代码")
THE_SAME_TOPIC = Text("An interview on your weakest topic", "针对最弱的主题再来一次")
DUE = Text("What is due for review", "看看今天该复习什么")
AGAIN = Text("The same questions once more", "用同样的题目再来一次")
