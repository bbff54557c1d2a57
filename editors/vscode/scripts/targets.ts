/** Systems that an extension is made for: VS Code's name, Rust's name, and the program's. */

export interface Target {
  vscode: string;
  rust: string;
  exe: "fbuild-lsp" | "fbuild-lsp.exe";
}

const unix = (vscode: string, rust: string): Target => ({ vscode, rust, exe: "fbuild-lsp" });
const windows = (vscode: string, rust: string): Target => ({ vscode, rust, exe: "fbuild-lsp.exe" });

export const targets: Target[] = [
  // With its own libc, so that it runs on any Linux, however old.
  unix("linux-x64", "x86_64-unknown-linux-musl"),
  unix("linux-arm64", "aarch64-unknown-linux-musl"),
  unix("linux-armhf", "armv7-unknown-linux-musleabihf"),
  unix("alpine-x64", "x86_64-unknown-linux-musl"),
  unix("alpine-arm64", "aarch64-unknown-linux-musl"),
  unix("darwin-x64", "x86_64-apple-darwin"),
  unix("darwin-arm64", "aarch64-apple-darwin"),
  windows("win32-x64", "x86_64-pc-windows-msvc"),
  windows("win32-arm64", "aarch64-pc-windows-msvc"),
];

/** The target of the machine that this runs on. */
export function here(): Target | undefined {
  const arch = process.arch === "arm" ? "armhf" : process.arch;
  return targets.find(({ vscode }) => vscode === `${process.platform}-${arch}`);
}
