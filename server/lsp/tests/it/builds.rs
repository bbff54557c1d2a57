//! From an edit to what is in flash, by a build tool that stands where its installer puts it.

use std::fs::{self, File, FileTimes};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

use crate::{fbuild_lsp, project};

/// Builds `main/main.c`, which is the app's name, as ESP-IDF's own does: the new app is in place.
const IDF_PY: &str = r#"
echo "Executing action: all (aliases: build)"
echo "$IDF_PATH $ESP_IDF_VERSION $*"
[ -d build ] || cp -r first build
if grep -q broken main/main.c; then
  echo "main/main.c:3:5: error: expected ';' before '}' token"
  exit 2
fi
cp "$(cat main/main.c)" build/app.bin
"#;

/// A home with ESP-IDF as its install script leaves it, and a project in it that was built.
pub(crate) fn home() -> TempDir {
    let home = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = home.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    };
    write("esp/esp-idf/tools/idf.py", IDF_PY);
    write("esp/esp-idf/version.txt", "v5.4.1\n");
    let python = ".espressif/python_env/idf5.4_py3.12_env/bin/python";
    write(python, "#!/bin/sh\nexec /bin/sh \"$@\"\n");
    let root = home.path().join("blink");
    project::write(&root, &project::app_image(&project::body(40_000, 1)));
    fs::write(
        root.join("new.bin"),
        project::app_image(&project::body(40_000, 2)),
    )
    .unwrap();
    write("blink/CMakeLists.txt", "");
    write("blink/main/main.c", "build/app.bin");
    let flash = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/example/build");
    let mut board = vec![0xFF; 4 << 20];
    for (offset, name) in [
        (0x1000, "bootloader/bootloader.bin"),
        (0x8000, "partition_table/partition-table.bin"),
    ] {
        let bytes = fs::read(flash.join(name)).unwrap();
        board[offset..offset + bytes.len()].copy_from_slice(&bytes);
    }
    fs::write(root.join("board.bin"), board).unwrap();
    home
}

fn run(home: &TempDir, arguments: &[&str]) -> Output {
    let mut command = fbuild_lsp(home.path());
    // A toolchain of this machine's is nobody's business here.
    command.env_remove("IDF_PATH").env("PATH", "/usr/bin:/bin");
    command.current_dir(home.path().join("blink"));
    command.args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn built_an_hour_ago(home: &TempDir) {
    let app = home.path().join("blink/build/app.bin");
    let times = FileTimes::new().set_modified(SystemTime::now() - Duration::from_hours(1));
    let app = File::options().write(true).open(app).unwrap();
    app.set_times(times).unwrap();
}

#[test]
fn an_edit_is_built_and_deployed_by_one_command() {
    let home = home();
    let main = home.path().join("blink/main/main.c");
    let deploy = ["deploy", "--build", "--port", "sim:board.bin", "--json"];
    built_an_hour_ago(&home);

    fs::write(&main, "broken").unwrap();
    let output = run(&home, &deploy);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["error"]["code"], "build-failed", "{outcome}");
    assert_eq!(outcome["error"]["boardState"], "the board was not touched");

    fs::write(&main, "new.bin").unwrap();
    let output = run(&home, &deploy);
    let said = text(&output.stderr);
    let idf = home.path().join("esp/esp-idf");
    assert!(
        said.contains(&format!("{} 5.4 build", idf.display())),
        "{said}"
    );
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["outcome"], "fullFlash", "{outcome} {said}");
    assert_eq!(outcome["build"]["command"], "idf.py build");
    assert_eq!(outcome["warnings"], serde_json::json!([]));
    let flash = fs::read(home.path().join("blink/board.bin")).unwrap();
    let new = fs::read(home.path().join("blink/new.bin")).unwrap();
    assert_eq!(flash[project::APP_OFFSET..][..new.len()], new);
}

#[test]
fn what_builds_a_target_is_listed_and_run() {
    let home = home();
    let listed = text(&run(&home, &["targets"]).stdout);
    assert!(listed.contains("  built by   idf.py build\n"), "{listed}");
    let planned = text(&run(&home, &["plan", "--port", "sim:board.bin"]).stdout);
    assert!(
        planned.starts_with("build command: idf.py build\n"),
        "{planned}"
    );
    let main = home.path().join("blink/main/main.c");
    fs::write(&main, "new.bin").unwrap();
    let output = run(&home, &["build"]);
    let said = text(&output.stdout);
    assert!(said.starts_with("built espidf:build in "), "{said}");
    fs::write(&main, "broken").unwrap();
    let output = run(&home, &["build", "--json"]);
    assert_eq!(output.status.code(), Some(1));
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(outcome["outcome"], "failed");
    assert!(outcome["durationMs"].as_u64() > Some(0), "{outcome}");
    let message = outcome["error"]["message"].as_str().unwrap();
    assert!(
        message.contains("expected ';' before '}' token"),
        "{message}"
    );

    fs::remove_dir_all(home.path().join("esp")).unwrap();
    let output = run(&home, &["build"]);
    assert_eq!(output.status.code(), Some(2));
    let said = text(&output.stderr);
    assert!(
        said.contains("idf.py was not found; looked on PATH"),
        "{said}"
    );
    let remedy =
        "install idf.py or put it on PATH, or build it yourself and deploy without --build\n";
    assert!(said.ends_with(remedy), "{said}");
}

#[test]
fn a_project_that_was_never_built_is_built_and_deployed() {
    let home = home();
    let blink = home.path().join("blink");
    fs::rename(blink.join("build"), blink.join("first")).unwrap();
    let list = fs::read_to_string(blink.join("first/flasher_args.json")).unwrap();
    fs::remove_file(blink.join("first/flasher_args.json")).unwrap();
    let idf_py = format!("{IDF_PY}\ncat > build/flasher_args.json <<'END'\n{list}\nEND\n");
    fs::write(home.path().join("esp/esp-idf/tools/idf.py"), idf_py).unwrap();
    let include = "include($ENV{IDF_PATH}/tools/cmake/project.cmake)\n";
    fs::write(blink.join("CMakeLists.txt"), include).unwrap();
    fs::write(blink.join("main/main.c"), "new.bin").unwrap();

    let output = run(&home, &["targets"]);
    let said = text(&output.stderr);
    assert!(
        said.starts_with("espidf:build is not built yet: idf.py build\n"),
        "{said}"
    );
    let output = run(&home, &["deploy", "--port", "sim:board.bin"]);
    let said = text(&output.stderr);
    assert!(said.contains("Build it first: idf.py build"), "{said}");

    let deploy = ["deploy", "--build", "--port", "sim:board.bin", "--json"];
    let output = run(&home, &deploy);
    let outcome: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        outcome["outcome"],
        "fullFlash",
        "{outcome} {}",
        text(&output.stderr)
    );
    assert_eq!(outcome["build"]["command"], "idf.py build");
    let flash = fs::read(blink.join("board.bin")).unwrap();
    let new = fs::read(blink.join("new.bin")).unwrap();
    assert_eq!(flash[project::APP_OFFSET..][..new.len()], new);
}

/// Without being asked, a command line builds nothing; it says how.
#[test]
fn a_deploy_without_build_warns_and_names_the_command() {
    let home = home();
    built_an_hour_ago(&home);
    let output = run(&home, &["deploy", "--port", "sim:board.bin"]);
    let said = text(&output.stderr);
    assert!(
        said.contains("changed since the last build: main/main.c (idf.py build)"),
        "{said}"
    );
    assert!(!said.contains("Executing action"), "{said}");
}

/// As cargo and git do, from anywhere in the project.
#[test]
fn a_command_in_a_part_of_the_project_means_the_project() {
    let home = home();
    let inner = home.path().join("blink/main");
    let mut command = fbuild_lsp(home.path());
    let output = command.current_dir(&inner).arg("targets").output().unwrap();
    assert!(
        text(&output.stdout).starts_with("espidf:build"),
        "{output:?}"
    );
    let note = format!("in {}\n", home.path().join("blink").display());
    assert!(text(&output.stderr).starts_with(&note), "{output:?}");
    let mut command = fbuild_lsp(home.path());
    let output = command
        .current_dir(&inner)
        .args(["targets", "."])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "what is named is meant");
}
