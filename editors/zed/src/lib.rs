//! Starts the language server in Zed. It decides nothing else.

use zed_extension_api::serde_json::Value;
use zed_extension_api::settings::LspSettings;
use zed_extension_api::{Command, Extension, LanguageServerId, Result, Worktree};

struct Fbuild;

impl Extension for Fbuild {
    fn new() -> Self {
        Self
    }

    /// The program that `lsp.fbuild-lsp.binary` names, or the one in `$PATH` as Zed's terminal has it.
    fn language_server_command(
        &mut self,
        server: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Command> {
        let named = LspSettings::for_worktree(server.as_ref(), worktree)?.binary;
        let path = named.as_ref().and_then(|named| named.path.clone());
        let command = path.or_else(|| worktree.which("fbuild-lsp")).ok_or(
            "fbuild-lsp is not in $PATH: install it, or name it in the setting \
             lsp.fbuild-lsp.binary.path",
        )?;
        let args = named.and_then(|named| named.arguments).unwrap_or_default();
        let env = worktree.shell_env();
        Ok(Command { command, args, env })
    }

    /// `lsp.fbuild-lsp.settings`, in which the server asks for its section.
    fn language_server_workspace_configuration(
        &mut self,
        server: &LanguageServerId,
        worktree: &Worktree,
    ) -> Result<Option<Value>> {
        Ok(LspSettings::for_worktree(server.as_ref(), worktree)?.settings)
    }
}

zed_extension_api::register_extension!(Fbuild);
