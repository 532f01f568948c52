"""Courses: assignments handed out through nbgrader, cohorts graded in confinement, reports and exports.

Needs the `course` extra: nbgrader, and `distributed` for cohorts.
"""
