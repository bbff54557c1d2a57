/** A small ESP-IDF project that was built, in a folder of its own. */

import { execFileSync } from "node:child_process";
import * as fs from "node:fs";
import * as os from "node:os";
import * as path from "node:path";

const repository = path.resolve(import.meta.dirname, "../../../..");

export interface Project {
  path: string;
  /** The folder around it, which can be somebody's home. */
  home: string;
  /** Builds it anew, with another text in it. */
  build(greeting: string, out?: string): void;
  write(name: string, text: string): void;
  remove(): void;
}

/** Slow enough to be watched, and it ends: the whole firmware takes about 24 seconds at this rate. */
export const SLOW = { "fbuild.baud": 57600 };
/** Slow enough to be stopped on any machine: more than two minutes. */
export const ENDLESS = { "fbuild.baud": 9600 };

export function project(name: string, settings: object = {}): Project {
  const around = fs.mkdtempSync(path.join(os.tmpdir(), "fbuild-project-"));
  const made: Project = {
    path: path.join(around, name),
    home: around,
    build(greeting, out = "build") {
      const make = path.join(repository, "tests/example/make.py");
      execFileSync("python3", [make, "--greeting", greeting, "--out", path.join(made.path, out)]);
    },
    write(file, text) {
      const full = path.join(made.path, file);
      fs.mkdirSync(path.dirname(full), { recursive: true });
      fs.writeFileSync(full, text);
    },
    remove() {
      fs.rmSync(around, { recursive: true, force: true, maxRetries: 10 });
    },
  };
  made.write("main/main.c", `#include <stdio.h>\n\nvoid app_main(void) {\n    puts("hello");\n}\n`);
  made.write("sdkconfig", 'CONFIG_IDF_TARGET="esp32"\n');
  const all = { "fbuild.port": "sim:board.bin?time=real", ...settings };
  made.write(".vscode/settings.json", `${JSON.stringify(all, undefined, 2)}\n`);
  // Sources are older than the firmware, whatever the clock's grain.
  const earlier = new Date(Date.now() - 60_000);
  fs.utimesSync(path.join(made.path, "main/main.c"), earlier, earlier);
  fs.utimesSync(path.join(made.path, "sdkconfig"), earlier, earlier);
  made.build("hello");
  return made;
}

/**
 * One that was never built, in a home with ESP-IDF, whose stand-in runs CMake, ninja and a compiler: no
 * setting says how it is built.
 */
export function espIdfProject(settings: object): Project {
  const made = project("hello", settings);
  const idf = path.join(repository, "tests/esp-idf");
  execFileSync(path.join(idf, "install"), [made.home]);
  fs.rmSync(path.join(made.path, "build"), { recursive: true });
  fs.cpSync(path.join(idf, "hello"), made.path, { recursive: true });
  return made;
}
