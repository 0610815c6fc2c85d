"""The simulated model: an OpenAI-compatible server that sees request bodies and nothing else.

It imports neither the gateway nor anything of the benchmarks outside this folder; a test holds that.
"""
