/** A serial monitor, as an extension of its own: it lets go of its port as it is told by a test. */

const vscode = require("vscode");

exports.activate = async () => {
  const fbuild = await vscode.extensions.getExtension("fbuild.fbuild-lsp").activate();
  const monitor = { story: [], close: () => Promise.resolve() };
  fbuild.onWillDeploy((event) => {
    monitor.story.push(`will ${event.kind}`);
    event.waitUntil(monitor.close());
  });
  fbuild.onDidDeploy((event) => monitor.story.push(`did ${event.outcome?.outcome}`));
  return monitor;
};
