"""Suites: one file each; what is lived through, and how it is judged (`benchmarks/learning/life.py`)."""
