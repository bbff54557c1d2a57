/** The ESP-IDF that Espressif's extension uses, as environment variables. */

/** `set` tells what a person has set; older versions of the extension have names for Windows. */
export function espIdf(
  set: (name: string) => string | undefined,
  isWindows: boolean,
  variables: NodeJS.ProcessEnv,
): Record<string, string> {
  const chosen = (name: string) =>
    set(name)?.replace(/\$\{env:(\w+)\}/g, (_, variable: string) => variables[variable] ?? "");
  const own = (name: string) => (isWindows && chosen(`${name}Win`)) || chosen(name);
  const path = chosen("currentSetup") || own("espIdfPath");
  const tools = own("toolsPath");
  return { ...(path && { IDF_PATH: path }), ...(tools && { IDF_TOOLS_PATH: tools }) };
}
