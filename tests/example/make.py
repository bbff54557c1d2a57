#!/usr/bin/env python3
"""Make the example firmware, in the form that an ESP-IDF build leaves it.

The images are valid: the boot ROM's checks (header, checksum, SHA-256) pass, and the table is what
gen_esp32part.py would write. The program in them is one instruction that jumps to itself; the rest
is filler that compresses about as well as real firmware. It exists to be deployed, not to be useful.

usage: make.py [--greeting TEXT] [--out DIR]     (default: build/ beside this file)
A changed greeting changes the sectors that an edited string in real firmware would change.
"""
import argparse
import hashlib
import json
import os
import struct

CHIP_ESP32 = 0
MODE_DIO, SIZE_4MB_40MHZ = 2, 0x20
XTENSA_JUMP_TO_SELF = bytes.fromhex("06ffff00")
APP_DESC_MAGIC = 0xABCD5432
FILLER_LEN = 240 * 1024
GREETING_AT = 100 * 1024


def image(segments, entry):
    """An image of the ESP32: header, segments, checksum, SHA-256."""
    out = struct.pack("<BBBBI", 0xE9, len(segments), MODE_DIO, SIZE_4MB_40MHZ, entry)
    out += struct.pack("<B3sHBHHIB", 0xEE, bytes(3), CHIP_ESP32, 0, 0, 65535, 0, 1)
    checksum = 0xEF
    for address, data in segments:
        assert len(data) % 4 == 0
        out += struct.pack("<II", address, len(data)) + data
        for byte in data:
            checksum ^= byte
    out += bytes(15 - len(out) % 16) + bytes([checksum])
    return out + hashlib.sha256(out).digest()


def filler(length):
    """Bytes as dull as machine code: few distinct words, in an order that does not repeat."""
    state, words = 1, []
    dictionary = [hashlib.sha256(b"%d" % n).digest()[:4] for n in range(1024)]
    for _ in range(length // 4):
        state = (state * 1103515245 + 12345) & 0x7FFFFFFF
        words.append(dictionary[(state >> 16) & (1023 if state & 0x4000 else 63)])
    return b"".join(words)


def app(greeting):
    text = greeting.encode() + b"\0"
    rodata = bytearray(filler(FILLER_LEN))
    rodata[GREETING_AT : GREETING_AT + 64] = text[:64].ljust(64, b"\0")
    description = struct.pack(
        "<II8x32s32s16s16s32s32sHHBB70x",
        APP_DESC_MAGIC, 0, b"1", b"example", b"00:00:00", b"Jan  1 2026", b"none",
        hashlib.sha256(rodata).digest(), 0, 65535, 16, 0,
    )
    drom = description + bytes(rodata)
    return image([(0x3F400020, drom), (0x40080400, XTENSA_JUMP_TO_SELF)], 0x40080400)


def table():
    rows = [(1, 2, 0x9000, 0x6000, b"nvs"), (1, 1, 0xF000, 0x1000, b"phy_init"),
            (0, 0, 0x10000, 0x100000, b"factory")]
    out = b"".join(struct.pack("<HBBII16sI", 0x50AA, *row, 0) for row in rows)
    out += b"\xeb\xeb" + b"\xff" * 14 + hashlib.md5(out).digest()
    return out.ljust(0xC00, b"\xff")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--greeting", default="Hello, world!")
    parser.add_argument("--out", default=os.path.join(os.path.dirname(os.path.abspath(__file__)), "build"))
    args = parser.parse_args()
    bootloader = image([(0x3FFF0018, filler(16 * 1024)), (0x40078000, XTENSA_JUMP_TO_SELF)], 0x40078000)
    files = {
        "bootloader/bootloader.bin": (0x1000, "bootloader", bootloader),
        "partition_table/partition-table.bin": (0x8000, "partition-table", table()),
        "example.bin": (0x10000, "app", app(args.greeting)),
    }
    settings = {"flash_mode": "dio", "flash_size": "4MB", "flash_freq": "40m"}
    flasher_args = {
        "write_flash_args": [w for k, v in settings.items() for w in ("--" + k.replace("_", "-"), v)],
        "flash_settings": settings,
        "flash_files": {hex(offset): name for name, (offset, _, _) in files.items()},
        **{key: {"offset": hex(offset), "file": name, "encrypted": "false"}
           for name, (offset, key, _) in files.items()},
        "extra_esptool_args": {"after": "hard-reset", "before": "default-reset", "stub": True, "chip": "esp32"},
    }
    description = {"version": "1.3", "project_name": "example", "app_bin": "example.bin", "target": "esp32",
                   "build_type": "flash_app"}
    for name, (_, _, data) in files.items():
        path = os.path.join(args.out, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)
    for name, data in (("flasher_args.json", flasher_args), ("project_description.json", description)):
        with open(os.path.join(args.out, name), "w") as file:
            json.dump(data, file, indent=2)
            file.write("\n")


if __name__ == "__main__":
    main()
