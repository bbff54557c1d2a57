/** One window of VS Code, as a person uses it: keys in, words and pictures out. */

import * as fs from "node:fs";
import * as path from "node:path";
import type { Browser, BrowserContext, Locator, Page } from "playwright-core";

/** Generous: the machine may be busy. A test that passes never waits this long. */
export const PATIENCE_MS = 60_000;

const screens =
  process.env["FBUILD_SCREENS"] ?? path.resolve(import.meta.dirname, "../../out/screens");

export class Window {
  readonly page: Page;
  private readonly context: BrowserContext;

  private constructor(page: Page, context: BrowserContext) {
    this.page = page;
    this.context = context;
  }

  /** Opens a folder, or a .code-workspace file. */
  static async open(browser: Browser, url: string, what: string): Promise<Window> {
    const context = await browser.newContext({ viewport: { width: 1100, height: 640 } });
    context.setDefaultTimeout(PATIENCE_MS);
    const page = await context.newPage();
    const kind = what.endsWith(".code-workspace") ? "workspace" : "folder";
    await page.goto(`${url}/?${kind}=${encodeURIComponent(what)}`);
    await page.locator(".monaco-workbench .statusbar").waitFor();
    return new Window(page, context);
  }

  async close(): Promise<void> {
    await this.context.close();
  }

  /** Runs a command from the palette, by its title. */
  async command(title: string): Promise<void> {
    await this.choose("F1", `>${title}`, title);
  }

  /** Opens the palette with some words in it. */
  async palette(words: string): Promise<void> {
    await this.type("F1", `>${words}`);
  }

  /** Opens a file by its name. */
  async openFile(name: string): Promise<void> {
    await this.choose("Control+p", name, name);
    await this.page.locator(".tab.active", { hasText: path.basename(name) }).waitFor();
  }

  private async choose(key: string, typed: string, expected: string): Promise<void> {
    await this.type(key, typed);
    await this.row(expected).first().waitFor();
    await this.page.keyboard.press("Enter");
  }

  private async type(key: string, typed: string): Promise<void> {
    const input = this.page.locator(".quick-input-widget input.input");
    // A key that comes while the workbench is still starting is lost: press it until it is heard.
    for (;;) {
      await this.page.keyboard.press(key);
      const isOpen = await input
        .waitFor({ timeout: 3000 })
        .then(() => true)
        .catch(() => false);
      if (isOpen) break;
    }
    await input.fill(typed);
  }

  /** A row of the open list. */
  row(text: string | RegExp): Locator {
    return this.page.locator(".quick-input-list .monaco-list-row", { hasText: text });
  }

  /** The one item for the outcome. */
  get status(): Locator {
    return this.page.locator('.statusbar-item[id$="fbuild-lsp.outcome"]');
  }

  /** Waits until the status bar item says it; what it says. */
  async says(text: string | RegExp): Promise<string> {
    try {
      await this.status.filter({ hasText: text }).waitFor();
    } catch (error) {
      await this.picture("failed");
      const said = await this.status.innerText().catch(() => "nothing");
      throw new Error(`the status bar never said ${String(text)}; it says: ${said}`, {
        cause: error,
      });
    }
    return (await this.status.innerText()).trim();
  }

  notification(text: string | RegExp): Locator {
    return this.page.locator(".notification-toast", { hasText: text });
  }

  /** Clicks a button of a notification. */
  async answer(notification: string | RegExp, button: string): Promise<void> {
    const toast = this.notification(notification);
    await toast.first().waitFor();
    await toast.locator(".monaco-button", { hasText: button }).first().click();
  }

  /** The item's tooltip. */
  async tooltip(): Promise<Locator> {
    await this.status.hover();
    const hover = this.page.locator(".monaco-hover:visible");
    await hover.waitFor();
    return hover;
  }

  /** Keeps a picture of the window, or of a part of it. */
  async picture(name: string, part?: { x: number; y: number; width: number; height: number }) {
    fs.mkdirSync(screens, { recursive: true });
    const file = path.join(screens, `${name}.png`);
    await this.page.screenshot({ path: file, animations: "disabled", ...(part && { clip: part }) });
  }
}
