"""Builds the optional extension; everything else is in pyproject.toml."""

import runpy
import sys
import sysconfig
from pathlib import Path

from setuptools import Extension, setup

# The C code has no offsets of its own: it is compiled with those of the Python code.
layout = runpy.run_path(str(Path(__file__).parent / "src" / "tickring" / "_layout.py"))
macros = [(name, str(layout[name])) for name in ("HEAD_OFFSET", "EPOCH_OFFSET", "STATE_OFFSET", "STATE_CLOSED")]

# The buffer protocol is part of the stable ABI from 3.11 on: one build is then good for all later versions.
stable = sys.version_info >= (3, 11) and not sysconfig.get_config_var("Py_GIL_DISABLED")
if stable:
    macros.append(("Py_LIMITED_API", "0x030B0000"))

setup(
    ext_modules=[
        Extension(
            "tickring._native",
            ["src/tickring/_native.c"],
            depends=["src/tickring/_layout.py"],
            define_macros=macros,
            extra_compile_args=["-std=c11", "-O2", "-Wall", "-Wextra"],
            py_limited_api=stable,
            optional=True,  # without a compiler the package is pure Python
        )
    ],
    options={"bdist_wheel": {"py_limited_api": "cp311"}} if stable else {},
)
