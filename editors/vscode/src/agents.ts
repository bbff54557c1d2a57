/** Offers the server to agents in VS Code, from 1.101 on; older versions know of none. */

import type * as vscode from "vscode";

/** The part of `vscode` that 1.91's types do not have. */
interface Provider {
  onDidChangeMcpServerDefinitions: vscode.Event<void>;
  provideMcpServerDefinitions(): object[];
}
interface NewerVscode {
  lm?: {
    registerMcpServerDefinitionProvider?(id: string, provider: Provider): vscode.Disposable;
  };
  McpStdioServerDefinition?: new (label: string, command: string, args: string[]) => object;
}

/** What is known when somebody asks. */
export interface Known {
  /** The server that was found. */
  file: string | undefined;
  folders: readonly { name: string; path: string }[];
  isTrusted: boolean;
}

/** Also the name in package.json. */
export const PROVIDER = "fbuild.agents";

/** A server for each folder. What is in a folder is built for agents only if it is trusted. */
export function offerToAgents(
  api: object,
  known: () => Known,
  changed: vscode.Event<void>,
): vscode.Disposable | undefined {
  const newer = api as NewerVscode;
  const Definition = newer.McpStdioServerDefinition;
  if (!Definition) return undefined;
  return newer.lm?.registerMcpServerDefinitionProvider?.(PROVIDER, {
    onDidChangeMcpServerDefinitions: changed,
    provideMcpServerDefinitions: () => {
      const { file, folders, isTrusted } = known();
      if (file === undefined) return [];
      const trust = isTrusted ? ["--trust"] : [];
      return folders.map(
        ({ name, path }) => new Definition(`fbuild: ${name}`, file, ["mcp", path, ...trust]),
      );
    },
  });
}
