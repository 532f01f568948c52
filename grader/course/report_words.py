"""What the report says around figures and names."""

from __future__ import annotations

from grader.errors import Text

LABELS = {
    "title": Text("Report", "成绩报告"),
    "handed_in": Text("handed in", "已提交"),
    "nobody": Text("Nobody has handed anything in yet.", "还没有人提交。"),
    "no_results": Text("There are no results yet: grade the assignment first.", "还没有成绩：请先给这次作业评分。"),
    "median": Text("median mark", "成绩中位数"),
    "mean": Text("mean mark", "平均成绩"),
    "all_passed": Text("passed every part", "全部通过"),
    "look_at": Text("to look at", "需要处理"),
    "teach": Text("Teach again on Monday", "下次课值得再讲"),
    "teach_why": Text(
        "What most students got wrong, each with the hint that leads out of it.",
        "学生错得最多的地方，以及各自的提示。",
    ),
    "teach_nothing": Text(
        "No mistake was made by more than one student in twenty.", "没有哪个错误超过二十分之一的学生犯过。"
    ),
    "of_students": Text("%d of %d", "%d / %d"),
    "marks": Text("Marks", "成绩分布"),
    "marks_axis": Text("share of the points", "得分率"),
    "marks_count": Text("students", "学生人数"),
    "marks_facts": Text(
        "%d students: half of them between %s and %s, the median at %s, the mean at %s.",
        "共 %d 名学生：中间一半在 %s 到 %s 之间，中位数 %s，平均 %s。",
    ),
    "marks_before": Text("Marks are before any penalty for lateness.", "成绩未扣除迟交分。"),
    "not_counted": Text(
        "Not counted: %d who handed nothing in, %d whose mark waits for the grader.",
        "未计入：%d 人没有提交，%d 人因评分程序出错暂无成绩。",
    ),
    "checks": Text("Checks by pass rate", "各项检查的通过率"),
    "checks_base": Text("%d submissions graded", "共评分 %d 份"),
    "check": Text("Check", "检查"),
    "passed": Text("passed", "通过"),
    "points": Text("points", "分"),
    "findings": Text("Mistakes by frequency", "错误的频次"),
    "mistake": Text("Mistake", "错误"),
    "how_many": Text("Students", "学生"),
    "kind_mistake": Text("diagnosed", "诊断"),
    "kind_misconception": Text("misconception", "误解"),
    "kind_left_out": Text("left out of answers", "答案里没有说到"),
    "with_others": Text("%d of them along with another mistake", "其中 %d 人同时有别的错误"),
    "undiagnosed": Text(
        "Failed in a way that no catalogued mistake explains: %d.",
        "没有通过、但与收录的错误都不吻合的提交：%d 份。",
    ),
    "no_findings": Text("None.", "没有。"),
    "who": Text("who", "名单"),
    "progress": Text("Students by progress", "学生进度"),
    "progress_why": Text("Those who need help most come first.", "最需要帮助的排在最前。"),
    "student": Text("Student", "学生"),
    "mark": Text("Mark", "成绩"),
    "more_students": Text("%d more are in the CSV.", "其余 %d 人见 CSV 文件。"),
    "alike": Text("Submissions that are nearly the same", "高度相似的提交"),
    "alike_why": Text(
        "Compared without names, comments and layout; what the stub gives does not count. It is a reason to look, "
        "not a proof.",
        "比较时忽略变量名、注释和排版，也不计模板给出的内容。相似只说明值得看一看，并不是证据。",
    ),
    "alike_none": Text("None.", "没有。"),
    "alike_same": Text("the same but for names and comments", "除名称和注释外完全相同"),
    "alike_words": Text("the same word by word", "逐字相同"),
    "alike_share": Text("at least %s in common", "相同部分至少占 %s"),
    "alike_hidden": Text("Code is left out of a report without names.", "匿名报告不显示代码。"),
    "goes_on": Text("… and so on", "……（后面省略）"),
    "more_alike": Text("%d more groups are in the CSV.", "其余 %d 组见 CSV 文件。"),
    "incidents": Text("To look at", "需要处理"),
    "incidents_none": Text("Nothing.", "没有。"),
    "what": Text("What", "情况"),
    "part": Text("Part", "部分"),
    "more_incidents": Text("%d more are in the CSV.", "其余 %d 条见 CSV 文件。"),
    "made": Text("Made by practice on %s.", "由 practice 生成于 %s。"),
    "colon": Text(": ", "："),
    "comma": Text(", ", "、"),
    "more": Text("and %d more", "等另外 %d 人"),
}

# An incident's kind, and the outcome of a part.
KINDS = {
    "broken": Text("Fault of the grader", "评分程序出错"),
    "forged": Text("Forged", "伪造"),
    "unreadable": Text("Unreadable", "无法读取"),
    "version": Text("Other version", "另一版本"),
    "removed": Text("Cell removed", "删除单元"),
    "added": Text("Cell added", "添加单元"),
    "duplicate": Text("Cell doubled", "单元重复"),
    "reordered": Text("Cells moved", "单元换序"),
    "edited": Text("Locked cell edited", "改动锁定单元"),
    "outputs": Text("Outputs in a test", "测试单元带输出"),
    "celltype": Text("Type of a cell", "单元类型"),
    "tag": Text("Tags", "标签"),
    "kernel": Text("Kernel", "内核"),
    "attachment": Text("Attachment", "附件"),
    "foreign": Text("Another part", "别的部分"),
    "left-out": Text("Lines left out", "略去的行"),
    "twice": Text("Handed in twice", "重复提交"),
    "link": Text("Link", "链接"),
    "stray": Text("No part", "无关文件"),
    "timestamp": Text("Time", "时间"),
    "late": Text("Late", "迟交"),
}
OUTCOMES = {
    "passed": Text("passed", "通过"),
    "failed": Text("not passed", "未通过"),
    "broken": Text("fault of the grader", "评分程序出错"),
    "missing": Text("not handed in", "未提交"),
    "unreadable": Text("unreadable", "无法读取"),
}
