//! A build as a child with a process group of its own.
//!
//! A cancel ends the whole group: a compiler's grandchildren do not go on.

use std::io::{BufRead as _, BufReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use fbuild_deploy::process_group::Group;
use fbuild_loader::cancel::CancelToken;

use super::{Build, How};

/// How often the child and the cancel token are looked at.
const POLL: Duration = Duration::from_millis(20);
/// Lines are passed on together, this often.
const FLUSH: Duration = Duration::from_millis(100);
/// Once the child has ended, how long its pipes are read where they are silent; a daemon that it started may keep them.
const REST: Duration = Duration::from_millis(300);
/// The same where something is still to be read: who hears it may be slow.
const REST_MAX: Duration = Duration::from_secs(30);
/// Longest line that is passed on.
const LINE_MAX: u64 = 64 << 10;
/// Longest message of cargo's, which is one line with all that a linker said.
const MESSAGE_MAX: u64 = 1 << 20;
/// Lines under way; more make the child wait.
const LINES_MAX: usize = 256;

/// How it ended; `None`: cancelled.
pub(super) fn run(
    build: &Build,
    cancel: &CancelToken,
    hear: &mut dyn FnMut(&[String]),
) -> Option<std::io::Result<ExitStatus>> {
    let started = std::io::pipe().and_then(|(output, into)| {
        let mut child = prepared(build);
        // One pipe for both: what was printed first is read first, as in a terminal.
        child.stdout(into.try_clone()?).stderr(into);
        Ok((Group::start(&mut child)?, output))
    });
    let (mut group, output) = match started {
        Ok(started) => started,
        Err(error) => return Some(Err(error)),
    };
    let (sender, lines) = sync_channel(LINES_MAX);
    read(output, sender);
    follow(cancel, &mut group, &lines, hear)
}

fn prepared(build: &Build) -> Command {
    let mut child = match &build.how {
        How::Shell { line, folder } => {
            let mut shell = shell(line, folder, &build.name);
            shell
                .env("workspaceFolder", folder)
                .env("target", &build.name);
            shell
        }
        How::Program(command) => {
            let mut child = Command::new(&command.program);
            child.args(&command.arguments);
            child.envs(command.variables.iter().map(|(name, value)| (name, value)));
            let before = std::env::var_os("PATH").unwrap_or_default();
            let added = command.path.iter().map(std::path::PathBuf::from);
            // A directory with a separator in its name cannot be on a PATH.
            if let Ok(path) = std::env::join_paths(added.chain(std::env::split_paths(&before))) {
                child.env("PATH", path);
            }
            child
        }
    };
    child
        .current_dir(&build.directory)
        // Standard input and output of this process are the protocol's.
        .stdin(Stdio::null())
        // What is wrong is read in English, whatever the person's language is; how texts are encoded stays.
        .env("LANGUAGE", "en");
    child
}

/// `${workspaceFolder}` and `${target}` are variables of the shell: a name cannot add a command.
#[cfg(not(windows))]
fn shell(line: &str, _: &std::path::Path, _: &str) -> Command {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", line]);
    shell
}

#[cfg(windows)]
fn shell(line: &str, folder: &std::path::Path, target: &str) -> Command {
    use std::os::windows::process::CommandExt as _;
    let mut shell = Command::new("cmd");
    // As it is: `args` would escape quotes in a way that cmd does not read.
    shell.raw_arg(cmd_arguments(&super::filled(line, folder, target)));
    shell
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
                if line.starts_with(b"{\"reason\"") && !line.ends_with(b"\n") {
                    // What is read of it counts even if there is no more.
                    let _ = pipe
                        .by_ref()
                        .take(MESSAGE_MAX - LINE_MAX)
                        .read_until(b'\n', &mut line);
                }
                // A bar is drawn over and over in one line.
                let text = String::from_utf8_lossy(&line);
                for text in text.trim_end().split('\r') {
                    if lines.send(text.to_owned()).is_err() {
                        // Nobody listens any more; the pipe is still emptied, or its writer would hang.
                        let _ = std::io::copy(&mut pipe, &mut std::io::sink());
                        return;
                    }
                }
            }
        });
}

/// Waits for the child while passing on its output.
fn follow(
    cancel: &CancelToken,
    group: &mut Group,
    lines: &Receiver<String>,
    hear: &mut dyn FnMut(&[String]),
) -> Option<std::io::Result<ExitStatus>> {
    let mut unsent: Vec<String> = Vec::new();
    let mut flushed = Instant::now();
    let mut ended: Option<(Instant, std::io::Result<ExitStatus>)> = None;
    loop {
        if cancel.is_cancelled() {
            group.end();
            return None;
        }
        let mut rest = REST;
        let is_over = match lines.recv_timeout(POLL) {
            Ok(line) => {
                unsent.push(line);
                rest = REST_MAX;
                false
            }
            Err(RecvTimeoutError::Timeout) => false,
            Err(RecvTimeoutError::Disconnected) => {
                std::thread::sleep(POLL);
                true
            }
        };
        if flushed.elapsed() >= FLUSH || unsent.len() >= LINES_MAX {
            tell(&mut unsent, hear);
            flushed = Instant::now();
        }
        if ended.is_none() {
            ended = match group.child.try_wait() {
                Ok(Some(status)) => Some((Instant::now(), Ok(status))),
                Ok(None) => None,
                Err(error) => Some((Instant::now(), Err(error))),
            };
        }
        if let Some((_, status)) = ended.take_if(|(when, _)| is_over || when.elapsed() > rest) {
            tell(&mut unsent, hear);
            return Some(status);
        }
    }
}

/// Blank lines wait for one that says something, which they set apart from what was before: one is
/// enough for that.
fn tell(lines: &mut Vec<String>, hear: &mut dyn FnMut(&[String])) {
    if lines.iter().all(|line| line.trim().is_empty()) {
        lines.truncate(1);
    } else {
        hear(lines);
        lines.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blank_lines_wait_for_one_that_says_something_and_do_not_pile_up() {
        let mut heard: Vec<Vec<String>> = Vec::new();
        let mut hear = |lines: &[String]| heard.push(lines.to_vec());
        let mut lines = vec![String::new(), "  ".to_owned(), String::new()];
        tell(&mut lines, &mut hear);
        assert_eq!(lines.len(), 1);
        lines.extend(["compiling".to_owned(), String::new()]);
        tell(&mut lines, &mut hear);
        assert!(lines.is_empty());
        assert_eq!(heard, [["", "compiling", ""].map(str::to_owned)]);
    }

    #[test]
    fn a_message_of_cargo_stays_whole_where_other_lines_are_cut() {
        let of = |begun: &str| format!("{begun}{}", "x".repeat(100 << 10));
        let message = of("{\"reason\":");
        let text = format!("{message}\n{}\nlast", of("plain"));
        let (sender, lines) = sync_channel(LINES_MAX);
        read(std::io::Cursor::new(text), sender);
        let lines: Vec<String> = lines.iter().collect();
        assert_eq!(lines.len(), 4);
        assert_eq!(lines[0], message);
        assert_eq!((lines[1].len(), lines[3].as_str()), (64 << 10, "last"));
    }

    #[test]
    fn cmd_gets_a_line_with_its_quotes() {
        assert_eq!(
            cmd_arguments(r#""C:\Program Files\pio.exe" run -e "my env""#),
            r#"/D /S /C ""C:\Program Files\pio.exe" run -e "my env"""#
        );
    }
}
