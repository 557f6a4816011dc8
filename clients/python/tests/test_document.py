"""The first program of docs/PYTHON.md does what it says."""

from __future__ import annotations

import re
import subprocess
import sys
import unittest

from support import PROJECT, Case


class Document(Case):
    def test_the_first_program(self) -> None:
        text = (PROJECT / "docs" / "PYTHON.md").read_text()
        program = re.search(r"```python\n(.*?)```", text, re.DOTALL)
        assert program is not None
        name = self.segment_name()
        source = program[1].replace("/demo", name)
        said = subprocess.run([sys.executable, "-c", source], capture_output=True, text=True, check=True).stdout
        lines = said.splitlines()
        # 5001 records in 1024 slots: the reader resumes a quarter of the ring behind the oldest.
        self.assertEqual(lines[0], "lost 4233 records, from 0 on")
        self.assertEqual(lines[1], "4233 4381.0 4232")
        self.assertEqual((lines[-1], len(lines)), ("5000 5148.0 4999", 1 + 768))


if __name__ == "__main__":
    unittest.main()
