"""Commands that have commands of their own, one group per file. They decide nothing, like gateway/__main__.py."""
