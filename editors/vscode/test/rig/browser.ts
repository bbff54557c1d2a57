/** The browser that shows VS Code. */

import { chromium } from "playwright-core";
import type { Browser } from "playwright-core";

export function openBrowser(): Promise<Browser> {
  return chromium.launch({
    timeout: 120_000,
    executablePath: process.env["FBUILD_CHROMIUM"] ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--disable-dev-shm-usage",
    ],
  });
}
