//! An agent's client that nobody here wrote: the Model Context Protocol's Python SDK from PyPI, which checks every
//! answer by the schema that the tool announced. `mcp/client.py` is the conversation.

use std::path::Path;

use fbuild_project::partitions::csv;
use serde_json::{Value, json};

use crate::{project, python};

const OLD: &str = "nvs,data,nvs,0x9000,0x4000\napp,app,factory,0x10000,0x180000\n";
const NEW: &str = "nvs,data,nvs,0xa000,0x4000\napp,app,factory,0x10000,0x180000\n";

fn table(text: &str) -> Vec<u8> {
    let table = csv::compile(text, &csv::Options::default());
    table.unwrap().to_bytes()
}

/// Gives a project a partition table of its own.
fn with_table(root: &Path, table: &[u8]) {
    let build = root.join("build");
    std::fs::write(build.join("table.bin"), table).unwrap();
    let path = build.join("flasher_args.json");
    let args = std::fs::read_to_string(&path).unwrap();
    let mut args: Value = serde_json::from_str(&args).unwrap();
    args["flash_files"]["0x8000"] = "table.bin".into();
    args["partition-table"] =
        json!({"offset": "0x8000", "file": "table.bin", "encrypted": "false"});
    std::fs::write(path, args.to_string()).unwrap();
}

#[test]
fn an_agent_plans_deploys_listens_and_is_refused_what_is_dangerous() {
    let Some(python) = python::with("mcp", "2.3.0") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (name, len) in [("blink", 40_000), ("large", 1_000_000), ("moved", 40_000)] {
        let root = folder.path().join(name);
        std::fs::create_dir(&root).unwrap();
        project::write(&root, &project::app_image(&project::body(len, 1)));
    }
    with_table(&folder.path().join("moved"), &table(NEW));
    // A board on which the firmware has stored something.
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests");
    let loader = std::fs::read(tests.join("example/build/bootloader/bootloader.bin")).unwrap();
    let mut flash = vec![0xFF; 4 << 20];
    flash[0x1000..][..loader.len()].copy_from_slice(&loader);
    flash[0x8000..][..0xC00].copy_from_slice(&table(OLD));
    flash[0x9000..][..7].copy_from_slice(b"my data");
    std::fs::write(folder.path().join("board.bin"), flash).unwrap();
    python::conversation(
        &python,
        "tests/it/mcp/client.py",
        folder.path(),
        &[tests.to_str().unwrap()],
    );
    // Read without any of their code or ours.
    let flash = std::fs::read(folder.path().join("board.bin")).unwrap();
    assert_eq!(flash[0x8000..][..0xC00], table(NEW));
}

#[cfg(unix)]
#[test]
fn a_trusted_folder_is_built() {
    let Some(python) = python::with("mcp", "2.3.0") else {
        return;
    };
    let home = crate::builds::home();
    python::conversation(&python, "tests/it/mcp/client.py", home.path(), &["--trust"]);
    let blink = home.path().join("blink");
    let built = std::fs::read(blink.join("build/app.bin")).unwrap();
    assert_eq!(built, std::fs::read(blink.join("new.bin")).unwrap());
}
