#!/usr/bin/env python3
"""Stands for ESP-IDF's idf.py where tests build: `build`, by the genuine CMake, ninja and compiler.

The compiler is Debian's for RISC-V, else this machine's own, which an error in a source looks the same to. The
firmware is that of tests/example, with the first text of the program that was compiled as its greeting.
"""
import os
import shutil
import subprocess
import sys

# Where quotes are others, an error has other words.
os.environ["LC_ALL"] = "C"
idf, source = os.environ["IDF_PATH"], os.getcwd()
assert sys.argv[1:] == ["build"], sys.argv
compiler = next(filter(shutil.which, ("riscv64-unknown-elf-gcc", "gcc", "cc")))
print("Executing action: all (aliases: build)", flush=True)
print(f"Compiling with {compiler}", flush=True)


def run(*words):
    code = subprocess.run(words, cwd=os.path.join(source, "build")).returncode
    if code != 0:
        print(f"{words[0]} failed with exit code {code}")
        sys.exit(2)


os.makedirs("build", exist_ok=True)
if not os.path.exists("build/CMakeCache.txt"):
    run("cmake", "-G", "Ninja", f"-DPYTHON={sys.executable}", f"-DCMAKE_C_COMPILER={compiler}", source)
print(f"Running ninja in directory {source}/build", flush=True)
run("ninja", "all")
