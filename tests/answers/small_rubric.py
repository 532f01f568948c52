"""A question and a rubric small enough to see through: why a kettle boils."""

from __future__ import annotations

from pathlib import Path

from grader.answers.grading import grade
from grader.answers.result import Grade
from grader.content.question import Question
from grader.content.questions import load_concepts, load_questions, load_rubric

QUESTION = """
kettle:
  topic: attention
  level: 1
  blog: 1
  prompt:
    en: Compare how a kettle and a fridge use electricity.
    zh: 请比较水壶和冰箱怎样用电。
  answer:
    en: A kettle turns electricity into heat. A fridge moves heat from the inside to the outside.
    zh: 水壶把电变成热。冰箱把热从里面搬到外面。
  explanation: {en: Physics., zh: 物理。}
  sources: ["A book of physics, 1900"]
"""
CONCEPTS = """
warmer: {opposite: colder, en: [warmer, heats, hotter], zh: [变热, 加热]}
colder: {en: [colder, cools], zh: [变冷, 制冷]}
"""
RUBRIC = """
subjects:
  kettle: "kettle | 水壶"
  fridge: "fridge | refrigerator | 冰箱"
points:
  heats:
    weight: 3
    required: true
    about: kettle
    text: {en: A kettle warms its water., zh: 水壶把水加热。}
    hint: {en: What happens to the water?, zh: 水会怎样？}
    terms: ["@warmer & water | 水"]
    phrasings:
      en: [The water gets warm., Its water boils in the end., Heat goes into the water., Water is brought to the boil.,
           It makes water hot., You get hot water.]
      zh: [水会被烧开。, 水壶让水变热。, 热量进入水里。, 它把水煮沸。, 它烧水。, 得到的是热水。]
  cools:
    weight: 2
    about: fridge
    text: {en: A fridge cools its food., zh: 冰箱让食物变冷。}
    hint: {en: What happens to the food?, zh: 食物会怎样？}
    terms: ["@colder & food | 食物"]
    phrasings:
      en: [The food is chilled., Food stays cold in it., It keeps groceries cold., Heat is taken out of the food.,
           What is inside becomes cold., It refrigerates food.]
      zh: [食物保持低温。, 里面的东西变凉。, 它从食物里带走热量。, 它冷藏食物。, 食物不会坏。, 它让饭菜凉下来。]
misconceptions:
  needs-gas:
    contradicts: [heats]
    about: kettle
    correction: {en: It runs on electricity., zh: 它用的是电。}
    terms: ["gas | 煤气 & burn | 烧"]
    wordings:
      en: [A kettle burns gas.]
      zh: [水壶烧煤气。]
tests: []
"""


def loaded(folder: Path):
    """The question, its rubric and the concepts."""
    for name, text in (("questions.yaml", QUESTION), ("_concepts.yaml", CONCEPTS), ("kettle.yaml", RUBRIC)):
        (folder / name).write_text(text, encoding="utf-8")
    concepts = load_concepts(folder / "_concepts.yaml")
    return load_questions(folder / "questions.yaml")["kettle"], load_rubric(folder / "kettle.yaml", concepts), concepts


def graded(folder: Path, answer: str) -> Grade:
    question, rubric, concepts = loaded(folder)
    assert isinstance(question, Question)
    return grade(question, rubric, concepts, answer)
