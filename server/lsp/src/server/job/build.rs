//! The user's build command, as a child with a process group of its own.
//!
//! Its output goes to the client's log, its last line to the progress. A cancel ends the whole
//! group: a compiler's grandchildren do not go on.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fbuild_deploy::outcome::Failure;
use fbuild_deploy::process_group::Group;
use fbuild_project::target::Target;

use super::stand::{Stand, Stop};
use crate::server::settings::BuildCommand;

/// How often the child and the cancel token are looked at.
const POLL: Duration = Duration::from_millis(20);
/// Lines are sent to the client together, this often.
const FLUSH: Duration = Duration::from_millis(100);
/// Once the child has ended, how long its pipes are read; a daemon that it started may keep them.
const REST: Duration = Duration::from_millis(300);
/// Longest line that is passed on.
const LINE_MAX: u64 = 4096;
/// Lines under way; more make the child wait.
const LINES_MAX: usize = 1024;

/// Builds in the target's directory.
pub(super) fn run(stand: &Stand<'_>, command: &BuildCommand, target: &Target) -> Result<(), Stop> {
    stand.says("building", format!("building {}: {command}", target.name));
    let mut child = prepared(command, target);
    let mut group = Group::start(&mut child).map_err(|error| could_not_start(command, &error))?;
    let (sender, lines) = sync_channel(LINES_MAX);
    if let Some(pipe) = group.child.stdout.take() {
        read(pipe, sender.clone());
    }
    if let Some(pipe) = group.child.stderr.take() {
        read(pipe, sender);
    }
    let status = follow(stand, &mut group, &lines)?;
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(failed(command, status).into()),
        Err(error) => Err(could_not_start(command, &error).into()),
    }
}

fn prepared(command: &BuildCommand, target: &Target) -> Command {
    let mut child = match command {
        #[cfg(windows)]
        BuildCommand::Shell(line) => {
            use std::os::windows::process::CommandExt as _;
            let mut shell = Command::new("cmd");
            // As it is: `args` would escape quotes in a way that cmd does not read.
            shell.raw_arg(cmd_arguments(line));
            shell
        }
        #[cfg(not(windows))]
        BuildCommand::Shell(line) => {
            let mut shell = Command::new("/bin/sh");
            shell.args(["-c", line]);
            shell
        }
        BuildCommand::Program(words) => {
            let mut words = words.iter();
            // Settings refuse an empty list; a program without a name does not start.
            let mut program = Command::new(words.next().map_or("", String::as_str));
            program.args(words);
            program
        }
    };
    child
        .current_dir(&target.root)
        // Standard input and output of this process are the protocol's.
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    child
}

/// What cmd runs exactly as it is written: with `/S` it takes off the first quote and the last one
/// and looks at no other (`cmd /?`).
#[cfg(any(windows, test))]
fn cmd_arguments(line: &str) -> String {
    format!("/D /S /C \"{line}\"")
}

/// Passes on what a pipe says, line by line, until it ends.
fn read(pipe: impl Read + Send + 'static, lines: SyncSender<String>) {
    // Without a thread there is no output; the build goes on.
    let _ = std::thread::Builder::new()
        .name("build output".to_owned())
        .spawn(move || {
            let mut pipe = BufReader::new(pipe);
            let mut line = Vec::new();
            loop {
                line.clear();
                match pipe.by_ref().take(LINE_MAX).read_until(b'\n', &mut line) {
                    Ok(0) | Err(_) => return,
                    Ok(_) => {}
                }
                let text = String::from_utf8_lossy(&line).trim_end().to_owned();
                if lines.send(text).is_err() {
                    // Nobody listens any more; the pipe is still emptied, or its writer would hang.
                    let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                    return;
                }
            }
        });
}

/// Waits for the child while passing on its output.
fn follow(
    stand: &Stand<'_>,
    group: &mut Group,
    lines: &Receiver<String>,
) -> Result<std::io::Result<ExitStatus>, Stop> {
    let mut unsent: Vec<String> = Vec::new();
    let mut flushed = Instant::now();
    let mut ended: Option<(Instant, std::io::Result<ExitStatus>)> = None;
    loop {
        if stand.cancel().is_cancelled() {
            group.end();
            return Err(Stop::Cancelled);
        }
        let is_over = match lines.recv_timeout(POLL) {
            Ok(line) => {
                unsent.push(line);
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(POLL);
                true
            }
        };
        if flushed.elapsed() >= FLUSH || unsent.len() >= LINES_MAX {
            tell(stand, &mut unsent);
            flushed = Instant::now();
        }
        if ended.is_none() {
            ended = match group.child.try_wait() {
                Ok(Some(status)) => Some((Instant::now(), Ok(status))),
                Ok(None) => None,
                Err(error) => Some((Instant::now(), Err(error))),
            };
        }
        if let Some((when, status)) = ended.take_if(|(when, _)| is_over || when.elapsed() > REST) {
            tracing::debug!(?status, after = ?when.elapsed(), "build ended");
            tell(stand, &mut unsent);
            return Ok(status);
        }
    }
}

fn tell(stand: &Stand<'_>, lines: &mut Vec<String>) {
    if let Some((last, text)) = take(lines) {
        stand.says("building", format!("building: {last}"));
        stand.send(stand.desk.editor.log_build(&text));
    }
}

/// The last line that says something, and all of them. Blank ones wait for one that does, which they
/// set apart from what was before: one is enough for that.
fn take(lines: &mut Vec<String>) -> Option<(String, String)> {
    let Some(last) = lines.iter().rfind(|line| !line.trim().is_empty()) else {
        lines.truncate(1);
        return None;
    };
    let last = last.trim().to_owned();
    let text = lines.join("\n");
    lines.clear();
    Some((last, text))
}

fn could_not_start(command: &BuildCommand, error: &std::io::Error) -> Failure {
    Failure {
        code: "build-failed",
        is_input: true,
        what: format!("the build command could not be run ({error}): {command}"),
        board_state: "the board was not touched".to_owned(),
        remedy: "correct fbuild.buildBeforeDeploy".to_owned(),
    }
}

fn failed(command: &BuildCommand, status: ExitStatus) -> Failure {
    Failure {
        code: "build-failed",
        is_input: true,
        what: format!("the build failed ({status}): {command}"),
        board_state: "the board was not touched".to_owned(),
        remedy: "read its output in the log".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_wait_for_one_that_says_something_and_do_not_pile_up() {
        let mut lines = Vec::new();
        for _ in 0..100_000 {
            lines.push(String::new());
            assert_eq!(take(&mut lines), None);
        }
        assert_eq!(lines.len(), 1);
        lines.push(" [1/2] main.c".to_owned());
        lines.push(String::new());
        let all = "\n [1/2] main.c\n".to_owned();
        assert_eq!(take(&mut lines), Some(("[1/2] main.c".to_owned(), all)));
        assert!(lines.is_empty());
    }

    #[test]
    fn cmd_gets_a_line_with_its_quotes() {
        assert_eq!(
            cmd_arguments(r#""C:\Program Files\pio.exe" run -e "my env""#),
            r#"/D /S /C ""C:\Program Files\pio.exe" run -e "my env"""#
        );
    }
}
