"""The proof that agents with a memory get better: a simulated model, arms that share its noise, and suites of tasks."""
