//! What a stranger's project can hold instead of files: things that never end, never answer, are not
//! files at all, or are too many. The server that opens it says so and goes on.

use std::path::Path;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use serde_json::{Value, json};

use crate::stdio::Server;
use crate::{fbuild_lsp, project};

/// Places that are read when a folder is opened, listed or deployed.
const NAMES: [&str; 11] = [
    "platformio.ini",
    "sdkconfig",
    "sdkconfig.defaults",
    "partitions.csv",
    "Cargo.toml",
    "espflash.toml",
    ".cargo/config.toml",
    ".vscode/settings.json",
    "build/flasher_args.json",
    "build/project_description.json",
    "build/app.bin",
];

/// What is there, and how it is told.
const KINDS: [(&str, &str); 8] = [
    ("fifo", "is not a regular file but a FIFO"),
    ("directory", "is not a regular file but a directory"),
    ("socket", "is not a regular file but a socket"),
    ("/dev/zero", "is not a regular file but a device"),
    ("/dev/stdin", "is not a regular file but a FIFO"),
    ("/proc/self/fd/0", "is not a regular file but a FIFO"),
    ("circle", "cannot be read: "),
    ("sparse", "is larger than "),
];

fn put(kind: &str, path: &Path) {
    match kind {
        "fifo" => mknodat(CWD, path, FileType::Fifo, Mode::RWXU, 0).unwrap(),
        "directory" => std::fs::create_dir(path).unwrap(),
        // The file stays when the socket is closed.
        "socket" => drop(std::os::unix::net::UnixListener::bind(path).unwrap()),
        "circle" => std::os::unix::fs::symlink(path, path).unwrap(),
        "sparse" => {
            let file = std::fs::File::create(path).unwrap();
            file.set_len(60 << 30).unwrap();
        }
        target => std::os::unix::fs::symlink(target, path).unwrap(),
    }
}

/// A project that is fine but for one file.
fn lay_out(root: &Path, name: &str, kind: &str) {
    project::write(root, &project::app_image(&project::body(4096, 1)));
    let path = root.join(name);
    let _ = std::fs::remove_file(&path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    put(kind, &path);
}

fn open(server: &mut Server, path: &Path, text: &str) {
    let document = json!({"uri": format!("file://{}", path.display()), "languageId": "x",
        "version": 1, "text": text});
    server.notify("textDocument/didOpen", &json!({"textDocument": document}));
}

/// What is told of the file at `path`, wherever it is told.
fn told(problems: &Value, path: &Path) -> String {
    let problems = problems.as_array().unwrap().iter();
    let mut messages = problems.map(|problem| problem["message"].as_str().unwrap());
    let name = path.to_str().unwrap();
    let found = messages.find(|message| message.contains(name));
    found.unwrap_or_default().to_owned()
}

#[test]
fn whatever_stands_in_the_place_of_a_file_is_told_and_the_server_lives() {
    for (kind, expected) in KINDS {
        let mut server = Server::start(&[]);
        let folder = server.folder.path().to_owned();
        let roots: Vec<_> = (0..NAMES.len())
            .map(|n| folder.join(n.to_string()))
            .collect();
        for (root, name) in roots.iter().zip(NAMES) {
            std::fs::create_dir(root).unwrap();
            lay_out(root, name, kind);
        }
        server.initialize_folders(&roots);
        for (id, (root, name)) in (10..).zip(roots.iter().zip(NAMES)) {
            open(
                &mut server,
                &root.join("partitions.csv"),
                "nvs,data,nvs,,16K\n",
            );
            let listed = server.command(id, "targets", &json!({"root": root}));
            let path = root.join(name);
            let message = if name.ends_with("app.bin") {
                let argument = json!({"root": root, "port": "sim:board.bin?chip=esp32"});
                let verified = server.command(100 + id, "verify", &argument);
                assert_eq!(verified["error"]["code"], "file-unreadable", "{verified}");
                verified["error"]["message"].as_str().unwrap().to_owned()
            } else {
                told(&listed["problems"], &path)
            };
            assert!(message.contains(expected), "{kind} as {name}: {listed}");
        }
        // Far below what one of these files would take.
        assert!(
            server.peak_kib() < 96 * 1024,
            "{kind}: {} KiB",
            server.peak_kib()
        );
    }
}

#[test]
fn twenty_fifos_do_not_make_the_server_deaf() {
    let mut server = Server::start(&[]);
    let folder = server.folder.path().to_owned();
    let roots: Vec<_> = (0..20).map(|n| folder.join(n.to_string())).collect();
    for root in &roots {
        std::fs::create_dir(root).unwrap();
        put("fifo", &root.join("platformio.ini"));
        put("fifo", &root.join("sdkconfig"));
    }
    server.initialize_folders(&roots);
    for (id, root) in (10..).zip(&roots) {
        server.start_command(id, "targets", &json!({"root": root}));
    }
    for _ in &roots {
        let listed = server.next_answer();
        let problems = listed["result"]["problems"].to_string();
        assert_eq!(problems.matches("but a FIFO").count(), 2, "{listed}");
    }
}

/// The command line says it at once, and what is to be done about it.
#[test]
fn the_command_line_refuses_a_strange_image_by_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (kind, expected) in KINDS {
        let path = folder
            .path()
            .join(format!("{}.bin", kind.replace('/', "-")));
        put(kind, &path);
        let output = fbuild_lsp(folder.path())
            .args([
                "plan",
                "--port",
                "sim:board.bin?chip=esp32",
                "--image",
                "0x10000",
            ])
            .arg(&path)
            .stdin(std::process::Stdio::piped())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains(expected), "{kind}: {said}");
        assert!(!said.contains("does not exist"), "{kind}: {said}");
        let is_system = kind == "circle";
        assert_eq!(said.contains("permissions"), is_system, "{kind}: {said}");
    }
}
