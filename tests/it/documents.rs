//! Every command that the documents name is carried out, as a person would type it.
//!
//! What differs from the text: a board is a simulated one, and a monitor that would run on ends by itself.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::harness::{self, Served, copy, example, root};

/// Commands that are carried out by something else, which is named; or that only a person can.
const ELSEWHERE: [(&str, &str); 12] = [
    (
        "cargo run --release -- deploy tests/example --port sim:",
        "example.rs",
    ),
    (
        "cargo run -- deploy tests/example --port sim:",
        "example.rs",
    ),
    ("tests/run", ".ci/run"),
    (".ci/run", "itself"),
    ("cargo test ", "needs minutes"),
    ("tests/", "tests/run"),
    ("cargo install --locked --path server/lsp", "needs minutes"),
    ("fbuild-lsp deploy --port espota://", "over_the_air.rs"),
    ("pipx run maturin ", ".github/build, in tests/release"),
    ("pipx install ", "tests/release"),
    ("npm ci", "tests/vscode"),
    ("npm run package", "tests/vscode"),
];

/// Commands that do not succeed here, and their exit codes.
const FAILS: [(&str, i32); 2] = [
    // The example does not say it.
    ("--until \"tests passed\"", 4),
    ("crash=loadprohibited", 5),
];

/// Documents with commands.
fn documents() -> Vec<PathBuf> {
    let mut found = vec![root().join("README.md"), root().join("CONTRIBUTING.md")];
    let entries = fs::read_dir(root().join("docs")).unwrap();
    let entries = entries.map(|entry| entry.unwrap().path());
    found.extend(entries.filter(|path| path.extension().is_some_and(|it| it == "md")));
    found.sort();
    found
}

/// Its blocks of code in this language.
fn blocks(document: &Path, language: &str) -> Vec<String> {
    let text = fs::read_to_string(document).unwrap();
    let begin = format!("```{language}\n");
    let blocks = text.split(&begin).skip(1);
    blocks
        .filter_map(|rest| Some(rest.split_once("```")?.0.to_owned()))
        .collect()
}

/// The lines of its shell blocks, without their comments.
fn commands(document: &Path) -> Vec<String> {
    let blocks = blocks(document, "sh").join("");
    let lines = blocks.lines().filter(|line| !line.trim().is_empty());
    let without_comment = |line: &str| line.split("  #").next().unwrap_or(line).trim().to_owned();
    lines.map(without_comment).collect()
}

/// A project like the reader's: the example, with what the documents name beside it.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let project = folder.path().join("project");
        fs::create_dir(&project).unwrap();
        copy(&example(), &project);
        fs::write(project.join("CMakeLists.txt"), "").unwrap();
        let build = project.join("build");
        for (from, to) in [
            (build.join("example.bin"), "app.bin"),
            (
                build.join("partition_table/partition-table.bin"),
                "table.bin",
            ),
            (root().join("tests/panics/elf/clock-o0.elf"), "firmware.elf"),
        ] {
            fs::copy(from, project.join(to)).unwrap();
        }
        let programs = folder.path().join("programs");
        fs::create_dir(&programs).unwrap();
        std::os::unix::fs::symlink(harness::binary(), programs.join("fbuild-lsp")).unwrap();
        // What builds an ESP-IDF project; it finds nothing to do.
        std::os::unix::fs::symlink("/bin/true", programs.join("idf.py")).unwrap();
        Self { folder }
    }

    /// A shell in the project.
    fn shell(&self, line: &str) -> Command {
        let mut command = Command::new("sh");
        let path = std::env::var("PATH").unwrap_or_default();
        let programs = self.folder.path().join("programs");
        command
            .args(["-c", line])
            .current_dir(self.folder.path().join("project"))
            .env("PATH", format!("{}:{path}", programs.display()))
            .env("XDG_STATE_HOME", self.folder.path().join("state"))
            .env_remove("IDF_PATH")
            .stdin(Stdio::null());
        command
    }

    /// A simulated board that a command serves.
    fn serve(&self, command: &str) -> Served {
        Served::start(&mut self.shell(&format!("exec {command}")))
    }
}

/// The command with boards that are here, ended where it would not end.
fn here(command: &str) -> String {
    let mut line = command
        .replace(
            "tests/panics",
            &root().join("tests/panics").display().to_string(),
        )
        .replace("tests/example", ".")
        .replace("~/src/blink", ".")
        .replace("/dev/ttyUSB0", "sim:board.bin")
        .replace("ser=0001", "sim:board.bin")
        .replace("--timeout 60", "--timeout 5")
        .replace("--timeout 120", "--timeout 5")
        .replace("--timeout 10", "--timeout 2");
    let verb = line.split(' ').nth(1).unwrap_or_default();
    let needs_board = matches!(
        verb,
        "deploy" | "plan" | "verify" | "board" | "monitor" | "reset"
    );
    if needs_board && !line.contains("--port") {
        line += " --port sim:board.bin";
    }
    let listens = line.contains("--monitor") || line.starts_with("fbuild-lsp monitor");
    if listens && !line.contains("--timeout") {
        line += " --timeout 2";
    }
    line
}

#[test]
fn every_command_in_them_works() {
    let mut wrong = String::new();
    let mut tried = 0;
    for document in documents() {
        let place = Place::new();
        for command in commands(&document) {
            if ELSEWHERE.iter().any(|(it, _)| command.starts_with(it)) {
                continue;
            }
            tried += 1;
            if let Err(why) = carry_out(&place, &command) {
                let name = document.file_name().unwrap().display();
                writeln!(wrong, "{name}: {command}\n{why}").unwrap();
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
    assert!(tried > 30, "only {tried} commands were found");
}

/// What is there to be pasted into a configuration is well-formed.
#[test]
fn every_configuration_in_them_parses() {
    let mut found = 0;
    for document in documents() {
        for block in blocks(&document, "json") {
            let parsed = serde_json::from_str::<serde_json::Value>(&block);
            assert!(
                parsed.is_ok(),
                "{}: {parsed:?}\n{block}",
                document.display()
            );
            found += 1;
        }
        for block in blocks(&document, "toml") {
            let parsed = block.parse::<toml::Table>();
            assert!(
                parsed.is_ok(),
                "{}: {parsed:?}\n{block}",
                document.display()
            );
            found += 1;
        }
    }
    assert!(found > 30, "only {found} blocks were found");
}

/// What others' registries are told has the version of this program, and Zed's needs these keys.
#[test]
fn every_package_has_this_version() {
    let version = env!("CARGO_PKG_VERSION");
    let toml = format!("version = \"{version}\"");
    for (file, line) in [
        (
            "editors/vscode/package.json",
            format!("\"version\": \"{version}\""),
        ),
        ("editors/zed/Cargo.toml", toml.clone()),
        ("editors/zed/extension.toml", toml),
        (
            "editors/mason/package.yaml",
            format!("fbuild-lsp@{version}"),
        ),
    ] {
        let text = fs::read_to_string(root().join(file)).unwrap();
        assert!(text.contains(&line), "{file} does not say {line}");
    }
    let extension = fs::read_to_string(root().join("editors/zed/extension.toml")).unwrap();
    let extension = extension.parse::<toml::Table>().unwrap();
    for key in ["id", "name", "version", "schema_version", "authors"] {
        assert!(extension.contains_key(key), "{key}");
    }
    let server = &extension["language_servers"]["fbuild-lsp"];
    assert!(
        server["languages"]
            .as_array()
            .is_some_and(|it| !it.is_empty())
    );
}

/// Files that links lead to are there, and so are the headings.
#[test]
fn every_link_in_them_leads_somewhere() {
    let mut wrong = Vec::new();
    for document in documents() {
        let text = fs::read_to_string(&document).unwrap();
        let outside_of_code: String = text.split('`').step_by(2).collect();
        let links = outside_of_code
            .split("](")
            .skip(1)
            .filter_map(|rest| rest.split_once(')'));
        for (link, _) in links {
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            if file.contains("://") {
                continue;
            }
            let path = match file {
                "" => document.clone(),
                file => document.parent().unwrap().join(file),
            };
            let is_there = path.exists() && (heading.is_empty() || has_heading(&path, heading));
            if !is_there {
                wrong.push(format!("{}: {link}", document.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Whether a document has a heading that is linked to like this.
fn has_heading(document: &Path, anchor: &str) -> bool {
    let text = fs::read_to_string(document).unwrap();
    let mut headings = text.lines().filter(|line| line.starts_with('#'));
    headings.any(|line| {
        let name = line.trim_start_matches('#').trim().to_lowercase();
        let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
        name.chars()
            .filter(kept)
            .collect::<String>()
            .replace(' ', "-")
            == anchor
    })
}

/// Makes a branch in a copy of this repository.
fn has_plugin_at_its_root(place: &Place, command: &str) -> Result<(), String> {
    let copy = place.folder.path().join("copy");
    let lines = format!(
        "git clone --quiet --no-checkout '{}' '{}' && cd '{1}' && {command} && git cat-file -e nvim:plugin/fbuild.lua",
        root().display(),
        copy.display()
    );
    let mut shell = place.shell(&lines);
    for who in ["GIT_AUTHOR", "GIT_COMMITTER"] {
        shell.env(format!("{who}_NAME"), "me");
        shell.env(format!("{who}_EMAIL"), "me@example.org");
    }
    let output = shell.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    output.status.success().then_some(()).ok_or(said)
}

fn carry_out(place: &Place, command: &str) -> Result<(), String> {
    if command.starts_with("git branch nvim ") {
        return has_plugin_at_its_root(place, command);
    }
    if !command.starts_with("fbuild-lsp ") {
        return Err("nothing is known of it".to_owned());
    }
    if command.starts_with("fbuild-lsp sim ") {
        // It serves until it is ended.
        let served = place.serve(command);
        let is_port = served.port.starts_with('/') || served.port.contains("://127.0.0.1:");
        return is_port.then_some(()).ok_or(served.port.clone());
    }
    let mut line = here(command);
    let mut served = Vec::new();
    for (far, near) in [
        ("rfc2217://raspberrypi:4000", "rfc2217://127.0.0.1:0"),
        ("socket://raspberrypi:4001", "127.0.0.1:0"),
    ] {
        if line.contains(far) {
            let sim = format!("fbuild-lsp sim --time accounted --listen {near}");
            served.push(place.serve(&sim));
            line = line.replace(far, &served[served.len() - 1].port);
        }
    }
    let expected = FAILS.iter().find(|(it, _)| command.contains(it));
    let expected = expected.map_or(0, |(_, code)| *code);
    let output = place
        .shell(&line)
        .output()
        .map_err(|error| error.to_string())?;
    if output.status.code() == Some(expected) {
        return Ok(());
    }
    Err(format!(
        "{line}\nexit code {:?}, not {expected}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}
