"""The groups of tests that tools/grade.py runs."""
