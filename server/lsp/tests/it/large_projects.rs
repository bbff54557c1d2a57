//! Projects that ask for more than any project needs. Each gets an answer that says which limit it
//! was, and takes no memory to speak of; before there were limits, some ended the process.

use serde_json::json;

use crate::stdio::Server;

/// Most memory that a server with all of these folders open may take. A test's build has more pages
/// of its own than a release.
const LIMIT_KIB: u64 = if cfg!(debug_assertions) { 96 } else { 64 } * 1024;

fn repeated(count: usize, line: impl Fn(usize) -> String) -> String {
    (0..count).map(line).collect()
}

/// A file, its text, and what is reported of it.
fn projects() -> Vec<(&'static str, String, &'static str)> {
    let chain = |n: usize| format!("[s{n}]\nextends = s{}\n", n + 1);
    let reference = "${a.x}".repeat(9000);
    vec![
        (
            "platformio.ini",
            format!("[env:a]\nextends = s0\n{}", repeated(5000, chain)),
            "[env:a] extends through more than 64 sections",
        ),
        (
            "platformio.ini",
            repeated(100_000, |n| format!("[env:e{n}]\n")),
            "more than 30000 lines",
        ),
        (
            "platformio.ini",
            repeated(40_000, |n| format!("[env:e{n}]\n")),
            "more than 30000 lines",
        ),
        (
            "platformio.ini",
            repeated(20_000, |n| format!("[env:e{n}]\n")),
            "more than 1000 environments",
        ),
        (
            "platformio.ini",
            "[platformio]\nextra_configs = ../../../../../../../**/*.ini\n[env:a]\n".to_owned(),
            "extra_configs matches more files and directories",
        ),
        (
            "platformio.ini",
            format!(
                "[a]\nx = {}\n[platformio]\nbuild_dir = {reference}\n[env:a]\n",
                "y".repeat(100_000)
            ),
            "expands to more than 1 MiB",
        ),
        (
            "build/domains.yaml",
            format!(
                "build_dir: /x\nflash_order:\n{}[{}]\n",
                " ".repeat(900_000),
                "a,".repeat(60_000)
            ),
            "more than 50000 entries",
        ),
        (
            "Cargo.toml",
            "[workspace]\nmembers = [\"/**\"]\n".to_owned(),
            "the member '/**' matches more files and directories",
        ),
        (
            "Cargo.toml",
            format!("a = [{}0]\n", "0,".repeat(500_000)),
            "more than 50000 values",
        ),
        (
            "build/flasher_args.json",
            format!(
                "{{\"flash_files\": {{{}\"0\": \"a\"}}}}",
                repeated(1_000_000, |n| format!("\"{n}\": \"a\","))
            ),
            "larger than 2 MiB",
        ),
        (
            "build/flasher_args.json",
            format!(
                "{{\"flash_files\": {{{}\"0\": \"a\"}}}}",
                repeated(100_000, |n| format!("\"{n}\": \"a\","))
            ),
            "more values than are read",
        ),
        (
            "build/flasher_args.json",
            "{\"flash_files\": ".to_owned() + &"[".repeat(1_000_000),
            "expected an object",
        ),
    ]
}

#[test]
fn what_is_too_much_is_told_and_takes_no_memory() {
    let projects = projects();
    let mut server = Server::start(&[]);
    let folder = server.folder.path().to_owned();
    let roots: Vec<_> = (0..projects.len())
        .map(|n| folder.join(n.to_string()))
        .collect();
    for (root, (name, text, _)) in roots.iter().zip(&projects) {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    server.initialize_folders(&roots);
    for (id, (root, (_, _, expected))) in (10..).zip(roots.iter().zip(&projects)) {
        let listed = server.command(id, "targets", &json!({"root": root}));
        let told = listed["problems"].to_string();
        let told = told.replace("\\\"", "\"");
        assert!(told.contains(expected), "{expected}: {told}");
    }
    for (root, (name, text, expected)) in roots.iter().zip(&projects) {
        // There is no help for a longer text.
        if *name == "platformio.ini" && text.len() <= 1 << 20 {
            opened(&mut server, &root.join(name), text, expected);
        }
    }
    let peak = server.peak_kib();
    assert!(peak < LIMIT_KIB, "{peak} KiB");
}

/// A document that is opened is told as too much, once.
#[cfg(target_os = "linux")]
fn opened(server: &mut Server, path: &std::path::Path, text: &str, expected: &str) {
    let uri = format!("file://{}", path.display());
    let document = json!({"uri": uri, "languageId": "ini", "version": 1, "text": text});
    server.notify("textDocument/didOpen", &json!({"textDocument": document}));
    let said = loop {
        let said = server.message("textDocument/publishDiagnostics");
        if said["params"]["uri"] == *uri {
            break said["params"]["diagnostics"].clone();
        }
    };
    let too_much = said.as_array().unwrap().iter();
    let too_much: Vec<_> = too_much.filter(|it| it["code"] == "too-much").collect();
    let [told] = *too_much else {
        panic!("{expected}: {said}")
    };
    let message = told["message"].as_str().unwrap().to_lowercase();
    assert!(message.contains(&expected.to_lowercase()), "{message}");
}

/// The first line of a file that a project only links to is nobody's business, nor is a variable.
#[cfg(unix)]
#[test]
fn nothing_is_quoted_from_elsewhere() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("project");
    std::fs::create_dir(&root).unwrap();
    let private = folder.path().join("private");
    std::fs::write(&private, "hunter2\n").unwrap();
    let extra = format!(
        "[platformio]\nextra_configs = {}\n[env:a]\n",
        private.display()
    );
    let said = |text: &str| {
        std::fs::write(root.join("platformio.ini"), text).unwrap();
        let output = crate::fbuild_lsp(folder.path())
            .args(["plan", "--port", "sim:b.bin?chip=esp32"])
            .arg(&root)
            .env("SECRET", "hunter2")
            .output()
            .unwrap();
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (text, expected) in [
        (extra.as_str(), "private, line 1: "),
        (
            "[platformio]\nbuild_dir = ${sysenv.SECRET}\n[env:a]\nplatform = espressif32\n",
            "${sysenv.SECRET}",
        ),
        (
            "[env:a]\nplatform = espressif32\nupload_speed = ${sysenv.SECRET}\n",
            "",
        ),
    ] {
        let said = said(text);
        assert!(said.contains(expected), "{said}");
        assert!(!said.contains("hunter2"), "{said}");
    }
    // The same text in a file of the project's own is quoted.
    assert!(said("hunter2\n").contains("hunter2"));
    std::fs::remove_file(root.join("platformio.ini")).unwrap();
    std::os::unix::fs::symlink(&private, root.join("platformio.ini")).unwrap();
    let output = crate::fbuild_lsp(folder.path())
        .arg("targets")
        .arg(&root)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("platformio.ini, line 1: ") && !said.contains("hunter2"),
        "{said}"
    );
}
