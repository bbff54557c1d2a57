/**
 * Draws images/icon.png: a chip whose flash is a grid of sectors, two of which are written.
 *
 *   node scripts/icon.ts
 */

import * as fs from "node:fs";
import * as path from "node:path";
import * as zlib from "node:zlib";

const SIZE = 256;
/** Each pixel is the mean of this many points squared: smooth edges. */
const POINTS = 4;

type Colour = readonly [red: number, green: number, blue: number, opacity: number];

const CLEAR: Colour = [0, 0, 0, 0];
const BOARD: Colour = [22, 35, 46, 255];
const METAL: Colour = [143, 163, 177, 255];
const CHIP: Colour = [44, 62, 78, 255];
const KEPT: Colour = [84, 108, 128, 255];
const WRITTEN: Colour = [255, 159, 28, 255];

/** Whether a point is inside a rectangle with round corners. */
function box(x: number, y: number, left: number, top: number, side: number, round: number) {
  const half = side / 2;
  const dx = Math.max(Math.abs(x - left - half) - half + round, 0);
  const dy = Math.max(Math.abs(y - top - half) - half + round, 0);
  return Math.hypot(dx, dy) <= round && Math.abs(x - left - half) <= half;
}

function colour(x: number, y: number): Colour {
  const sector = 27;
  for (let row = 0; row < 3; row++) {
    for (let column = 0; column < 3; column++) {
      const [left, top] = [80 + column * 34.5, 80 + row * 34.5];
      if (!box(x, y, left, top, sector, 5)) continue;
      const isWritten = (row === 1 && column === 1) || (row === 1 && column === 2);
      return isWritten ? WRITTEN : KEPT;
    }
  }
  if (box(x, y, 60, 60, 136, 14)) return CHIP;
  for (let pin = 0; pin < 4; pin++) {
    const at = 75 + pin * 30;
    const isPin = (along: number, across: number) =>
      along >= at && along < at + 16 && across >= 38 && across < 218;
    if (isPin(x, y) || isPin(y, x)) return METAL;
  }
  return box(x, y, 4, 4, 248, 44) ? BOARD : CLEAR;
}

function pixel(x: number, y: number): number[] {
  const sum = [0, 0, 0, 0];
  for (let i = 0; i < POINTS * POINTS; i++) {
    const [dx, dy] = [(i % POINTS) + 0.5, Math.floor(i / POINTS) + 0.5];
    const [red, green, blue, opacity] = colour(x + dx / POINTS, y + dy / POINTS);
    [red * opacity, green * opacity, blue * opacity, opacity].forEach((value, channel) => {
      sum[channel] = (sum[channel] ?? 0) + value;
    });
  }
  const [red = 0, green = 0, blue = 0, opacity = 0] = sum;
  const of = (value: number) => (opacity === 0 ? 0 : Math.round(value / opacity));
  return [of(red), of(green), of(blue), Math.round(opacity / (POINTS * POINTS))];
}

function chunk(name: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(name, "latin1"), data]);
  const framed = Buffer.alloc(body.length + 8);
  framed.writeUInt32BE(data.length, 0);
  body.copy(framed, 4);
  framed.writeUInt32BE(zlib.crc32(body), body.length + 4);
  return framed;
}

const header = Buffer.alloc(13);
header.writeUInt32BE(SIZE, 0);
header.writeUInt32BE(SIZE, 4);
header.set([8, 6, 0, 0, 0], 8); // 8 bits each of red, green, blue and opacity
const rows = Array.from({ length: SIZE }, (_, y) => [
  0, // no filter
  ...Array.from({ length: SIZE }, (__, x) => pixel(x, y)).flat(),
]);
const png = Buffer.concat([
  Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
  chunk("IHDR", header),
  chunk("IDAT", zlib.deflateSync(Buffer.from(rows.flat()), { level: 9 })),
  chunk("IEND", Buffer.alloc(0)),
]);
fs.writeFileSync(path.join(import.meta.dirname, "../images/icon.png"), png);
