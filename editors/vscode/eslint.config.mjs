import { defineConfig } from "eslint/config";
import tseslint from "typescript-eslint";

export default defineConfig(
  { ignores: ["dist/", "out/", "node_modules/", ".package/", "test/host/monitor/"] },
  tseslint.configs.strictTypeChecked,
  {
    languageOptions: {
      parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname },
    },
    rules: {
      "@typescript-eslint/switch-exhaustiveness-check": "error",
      "@typescript-eslint/consistent-type-imports": "error",
      // Names from strangers must not become links that run commands: say.ts sees to that.
      "no-restricted-syntax": [
        "error",
        {
          selector:
            "MemberExpression[property.name=/^(show(Error|Warning|Information)Message|(show|create)(QuickPick|InputBox)|withProgress|setStatusBarMessage)$/]",
          message: "What a person is shown goes through src/say.ts.",
        },
        {
          selector: "NewExpression[callee.property.name='MarkdownString']",
          message: "Markdown is made in src/view/statusBar.ts, of texts that were escaped.",
        },
      ],
      // Numbers in texts are what most of this code is about.
      "@typescript-eslint/restrict-template-expressions": ["error", { allowNumber: true }],
      // describe, it and test of node:test hand back promises that nobody has to await.
      "@typescript-eslint/no-floating-promises": [
        "error",
        {
          allowForKnownSafeCalls: [
            {
              from: "package",
              name: ["test", "it", "describe", "suite", "before", "after"],
              package: "node:test",
            },
          ],
        },
      ],
    },
  },
  { files: ["src/say.ts", "src/view/statusBar.ts"], rules: { "no-restricted-syntax": "off" } },
);
