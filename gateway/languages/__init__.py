"""What people say, by language: one table of words and patterns each, named by its ISO 639-1 code.

A language that has word lists alone (Italian, Dutch, Portuguese) is known as such, so that no other's rules are tried.
"""
