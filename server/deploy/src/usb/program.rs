//! A program that speaks to a boot loader on USB: finding it, and one run of it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use fbuild_chip::usb::UsbBoard;
use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;
use fbuild_project::discover::Environment;
use tempfile::TempDir;

use super::Writing;
use super::error::UsbError;
use super::fault::fault;
use super::image::blocks;
use super::tool::{Fit, Said, Tool};
use crate::failure::DeployError;
use crate::program::{self, Candidate, RunError, on_path};

/// Where a program is looked for.
const LOOKED: &str = "on PATH and among the packages of PlatformIO";
/// Longest silence. A Teensy's boot loader may take 45 s to erase its flash; as long is a person given to find
/// the button.
const SILENCE: Duration = Duration::from_mins(1);

/// One that works.
pub(super) struct Program {
    tool: Tool,
    board: UsbBoard,
    candidate: Candidate,
    /// It is started here, and finds its file here: nothing of it is a stranger's.
    folder: TempDir,
}

impl Program {
    /// The first one that knows the board.
    pub(super) fn find(
        tool: Tool,
        board: UsbBoard,
        cancel: &CancelToken,
    ) -> Result<Self, DeployError> {
        let folder = TempDir::with_prefix("fbuild-usb-");
        let folder = folder.map_err(|source| UsbError::Files { tool, source })?;
        let mut refused = None;
        for candidate in candidates(tool, &Environment::from_process()) {
            let mut text = String::new();
            let question = [tool.question().to_owned()];
            let mut hear = |bytes: &[u8]| {
                text.push_str(&String::from_utf8_lossy(bytes));
                true
            };
            let path = folder.path();
            let ran = program::run(&candidate, &question, path, cancel, SILENCE, &mut hear);
            let fit = match ran {
                Ok(_) => tool.fit(board, &text),
                Err(RunError::Cancelled) => return Err(LoaderError::Cancelled.into()),
                Err(error) => Fit::Unusable(error.to_string()),
            };
            let program = candidate.to_string();
            let error = match fit {
                Fit::Good => {
                    return Ok(Self {
                        tool,
                        board,
                        candidate,
                        folder,
                    });
                }
                Fit::TooOld => UsbError::TooOld {
                    tool,
                    program,
                    board: board.to_string(),
                },
                Fit::Unusable(why) => UsbError::Unusable { tool, program, why },
            };
            refused.get_or_insert(error);
        }
        let looked = LOOKED;
        Err(refused.unwrap_or(UsbError::Missing { tool, looked }).into())
    }

    pub(super) fn confirms(&self) -> &'static str {
        self.tool.confirms()
    }

    /// Has it write this file to the board.
    pub(super) fn put(
        &self,
        file: &[u8],
        writing: &mut Writing<'_, '_>,
    ) -> Result<(), DeployError> {
        let Self {
            tool,
            board,
            ref candidate,
            ref folder,
        } = *self;
        let name = format!("firmware.{}", board.extension());
        let written = std::fs::write(folder.path().join(&name), file);
        written.map_err(|source| UsbError::Files { tool, source })?;
        let blocks = match board {
            UsbBoard::Teensy(teensy) => blocks(teensy, &writing.region().image.bytes),
            UsbBoard::Rp2(_) => 1,
        };
        let (request, cancel) = (writing.0.request(), writing.0.cancel());
        let words = tool.arguments(board, request.after, &name);
        let mut text = String::new();
        let mut hear = |bytes: &[u8]| {
            text.push_str(&String::from_utf8_lossy(bytes));
            match tool.said(&text, blocks) {
                Said::Nothing => {}
                Said::Waiting => writing.0.note(format!(
                    "no {board} was in boot loader mode at first: press the button on it within {} s",
                    SILENCE.as_secs()
                )),
                // It would try for ever.
                Said::Denied(_) => return false,
                Said::Progress { phase, done, total } => writing.reached(phase, done, total),
            }
            true
        };
        let path = folder.path();
        let ran = program::run(candidate, &words, path, cancel, SILENCE, &mut hear);
        tracing::debug!("{tool}: {text}");
        let how = match ran {
            Ok(status) if status.success() && tool.is_done(&text, blocks) => return Ok(()),
            Ok(status) => program::how(status),
            Err(RunError::Cancelled) => return Err(LoaderError::Cancelled.into()),
            Err(error) => error.to_string(),
        };
        Err(fault(tool, board, &text, &how).into())
    }
}

/// Where it may be. Nothing of a workspace is looked at.
fn candidates(tool: Tool, environment: &Environment) -> Vec<Candidate> {
    let name = format!("{tool}{}", std::env::consts::EXE_SUFFIX);
    let core = environment.dir("PLATFORMIO_CORE_DIR");
    let core = core.or_else(|| environment.home().map(|home| home.join(".platformio")));
    let packages = core.map(|core| core.join("packages").join(tool.package()));
    let package: Option<PathBuf> = packages.filter(|dir| dir.is_absolute());
    let of_package = package.map(|dir| Candidate::program(dir.join(&name)));
    let mut all = on_path(&[&name], environment);
    all.extend(of_package);
    all.retain(|candidate| Path::is_file(&candidate.program));
    all
}
