"""Wheels, with a compiler and without, and the choice between the extension and pure Python."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import unittest
import venv
from pathlib import Path
from typing import Optional
from unittest import mock

from support import TESTS, Case, copy_source, require

import tickring
from tickring import _ring

PROGRAM = """
import os, tickring
name = f"/tickring-test-{os.getpid()}"
with tickring.Writer.create(name, tickring.TradingData, 8) as writer:
    writer.publish((1.5, 2, 3, True))
try:
    with tickring.Reader(name) as reader:
        print(tickring.native, *list(reader))
finally:
    tickring.unlink(name)
"""


class Install(Case):
    def setUp(self) -> None:
        missing = subprocess.run([sys.executable, "-c", "import setuptools, wheel, pip"], capture_output=True)
        if missing.returncode != 0:
            require(self, "pip", "pip, setuptools or wheel is not installed")
        self.directory = Path(tempfile.mkdtemp(prefix="tickring-test-"))
        self.addCleanup(shutil.rmtree, self.directory)

    def run_quietly(self, *command: str, **environment: str) -> str:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHONPATH", "TICKRING"))}
        done = subprocess.run(
            command, cwd=self.directory, capture_output=True, text=True, env={**clean, **environment}
        )
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def installed(self, compiler: Optional[str]) -> str:
        """What a program says that runs in an empty environment with nothing but the wheel."""
        source = self.directory / "source"
        copy_source(source)
        pip = (sys.executable, "-m", "pip", "--disable-pip-version-check")
        environment = {} if compiler is None else {"CC": compiler}
        self.run_quietly(*pip, "wheel", "--no-build-isolation", "--no-deps", "-w", ".", str(source), **environment)
        (wheel,) = self.directory.glob("*.whl")
        venv.create(self.directory / "venv", with_pip=False)
        python = str(self.directory / "venv" / "bin" / "python")
        site = self.run_quietly(python, "-c", "import sysconfig; print(sysconfig.get_path('platlib'))").strip()
        self.run_quietly(*pip, "install", "--no-index", "--no-deps", "--target", site, str(wheel))
        self.assertTrue((Path(site) / "tickring" / "py.typed").exists())
        return self.run_quietly(python, "-c", PROGRAM)

    def test_with_a_compiler(self) -> None:
        if shutil.which(os.environ.get("CC", "cc")) is None:
            require(self, "compiler", "there is no C compiler")
        said = self.installed(None)
        self.assertEqual(said, "True TradingData(price=1.5, timestamp=2, volume=3, valid=True)\n")

    def test_without_a_compiler(self) -> None:
        if not _ring.pure_is_sound():
            self.skipTest("pure Python is refused here")
        said = self.installed("/bin/false")
        self.assertEqual(said, "False TradingData(price=1.5, timestamp=2, volume=3, valid=True)\n")


class Choice(Case):
    def test_the_extension_is_used(self) -> None:
        if os.environ.get("TICKRING_PURE") == "1":
            self.assertFalse(tickring.native)
        elif not tickring.native:
            require(self, "compiler", "the extension was not built")

    def test_where_pure_python_is_sound(self) -> None:
        for machine, interpreter, sound in (
            ("x86_64", "CPython", True),
            ("aarch64", "CPython", False),
            ("riscv64", "CPython", False),
            ("x86_64", "PyPy", False),
        ):
            with mock.patch("platform.machine", return_value=machine):
                with mock.patch("platform.python_implementation", return_value=interpreter):
                    self.assertEqual(_ring.pure_is_sound(), sound)

    def test_elsewhere_it_is_refused(self) -> None:
        name = self.segment_name()
        self.writer(name).detach()
        with mock.patch("platform.machine", return_value="aarch64"), mock.patch.dict(os.environ, TICKRING_PURE="1"):
            classes = _ring._implementation()
        self.assertIsNone(classes)
        with mock.patch.object(_ring, "_classes", classes):
            for use in (tickring.Reader, tickring.Writer.take_over):
                with self.assertRaises(tickring.NeedsExtension) as caught:
                    use(name)
                self.assertIsInstance(caught.exception, NotImplementedError)
                self.assertIn("install with a C compiler", str(caught.exception))

    def test_all_of_it_in_pure_python(self) -> None:
        """Runs the tests again, without the extension."""
        if not tickring.native or not _ring.pure_is_sound():
            self.skipTest("these are the tests in pure Python, or it is refused here")
        done = subprocess.run(
            [sys.executable, "-m", "unittest", "discover", "-s", str(TESTS)],
            env={**os.environ, "TICKRING_PURE": "1"},
            capture_output=True,
            text=True,
        )
        self.assertEqual(done.returncode, 0, done.stderr)


if __name__ == "__main__":
    unittest.main()
