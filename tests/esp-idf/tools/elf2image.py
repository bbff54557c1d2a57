"""Makes tests/example's firmware with a program's first text as its greeting. usage: elf2image.py OBJCOPY OBJECT OUT"""
import os
import subprocess
import sys

objcopy, program, out = sys.argv[1:]
texts = os.path.join(out, "texts.bin")
subprocess.run([objcopy, "-O", "binary", "--only-section=.rodata*", program, texts], check=True)
with open(texts, "rb") as file:
    greeting = file.read().split(b"\0")[0].decode()
make = os.path.join(os.path.dirname(os.path.realpath(__file__)), "../../example/make.py")
subprocess.run([sys.executable, make, "--greeting", greeting, "--out", out], check=True)
