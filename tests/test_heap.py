"""Large blocks go back to the system; how much that is worth is seen in tests/faults/test_upstream_faults.py."""

from __future__ import annotations

import subprocess
import sys

KEPT = """
import re
from pathlib import Path
from gateway import heap
{call}
def resident():
    return int(re.search(r"VmRSS:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
before = resident()
for _ in range(2):  # a block that is freed once is kept the next time
    blocks = [bytes(1_000_000 + 300_000 * number) for number in range(20)]
    pin = bytearray(1_100_000)
    del blocks
print(resident() - before)
"""


def kept_kb(call: str) -> int:
    command = [sys.executable, "-c", KEPT.format(call=call)]
    return int(subprocess.run(command, capture_output=True, check=True, text=True, timeout=60).stdout)


def test_what_is_freed_is_given_back() -> None:
    assert kept_kb("heap.give_back_large_blocks()") < 5_000
