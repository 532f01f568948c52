"""A mock interview: what is asked, how one thing follows from another, and the report. Nothing here prints.

`plan.draw` makes the plan, `session.conduct` holds it in a `Room`, `report.summarise` says what came of it, and
`pages` writes that as Markdown and as HTML.
"""
