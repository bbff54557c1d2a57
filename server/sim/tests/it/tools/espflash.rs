//! espflash 4.7.0, the command line program. It opens only ports that the system lists, and no system
//! lists ptys; so it runs in a mount namespace of its own where the pty stands in for a listed device.

use std::path::PathBuf;
use std::process::Command;

use fbuild_chip::Chip;
use fbuild_sim::Board;
use fbuild_sim::serve::{self, PtyOptions, Server};

use super::{Finished, cache_dir, install_lock, noise, run, skip};

const VERSION: &str = "4.7.0";
/// A device file that every Linux has; in the namespace it is the pty.
const DEVICE: &str = "full";

/// Makes the device a listed serial port that leads to the pty `$1`, and runs the rest.
const NAMESPACE: &str = r#"
pty=$1; shift
mount -t tmpfs none /sys/class/tty || exit 99
mkdir -p /sys/class/tty/full/device /sys/class/tty/bus/pci || exit 99
ln -s ../../bus/pci /sys/class/tty/full/device/subsystem || exit 99
mount --bind "$pty" /dev/full || exit 99
exec "$@"
"#;

fn espflash() -> Result<PathBuf, String> {
    let dir = cache_dir().ok_or("no cache directory")?;
    let name = format!("espflash-{VERSION}");
    let root = dir.join(&name);
    let program = root.join("bin/espflash");
    let _lock = install_lock(&dir, &name);
    if !program.exists() {
        run(Command::new("cargo")
            .args(["install", "espflash", "--locked", "--version", VERSION])
            .arg("--root")
            .arg(&root)
            .env("CARGO_TARGET_DIR", dir.join("espflash-target")))?;
    }
    if program.exists() {
        Ok(program)
    } else {
        Err(format!("{} is not there", program.display()))
    }
}

/// Whether this user may make mount namespaces.
fn namespaces_work() -> Result<(), String> {
    run(Command::new("unshare").args(["--map-root-user", "--mount", "true"]))
}

fn in_namespace(server: &Server, program: &PathBuf, arguments: &[&str], chip: Chip) -> Finished {
    Command::new("unshare")
        .args(["--map-root-user", "--mount", "sh", "-c", NAMESPACE, "sh"])
        .arg(server.address())
        .arg(program)
        .arg(arguments[0])
        .args(["--port", &format!("/dev/{DEVICE}"), "--chip", chip.name()])
        .args(["--before", "no-reset", "--after", "no-reset-no-stub"])
        .args(["--non-interactive", "--skip-update-check"])
        .args(&arguments[1..])
        .output()
        .unwrap()
        .into()
}

fn writes_and_reads_back(chip: Chip) {
    let program = match espflash().and_then(|program| namespaces_work().map(|()| program)) {
        Ok(program) => program,
        Err(why) => return skip(&format!("espflash {VERSION} cannot be run ({why})")),
    };
    let dir = tempfile::tempdir().unwrap();
    let board = Board::builder(chip)
        .lines(false)
        .start_in_download_mode()
        .build()
        .unwrap();
    let server = serve::pty(board, PtyOptions::default()).unwrap();
    let plain = noise(20_000, 5);
    let file = dir.path().join("file.bin");
    std::fs::write(&file, &plain).unwrap();
    let file = file.to_str().unwrap();
    in_namespace(&server, &program, &["board-info"], chip).expect(0, "Flash size:        4MB");
    in_namespace(
        &server,
        &program,
        &["write-bin", "--baud", "921600", "0x10000", file],
        chip,
    )
    .expect(0, "successfully written");
    let board = server.board();
    let written = board.lock().unwrap().flash().contents()[0x1_0000..][..plain.len()].to_vec();
    assert_eq!(written, plain);
    let read = dir.path().join("read.bin");
    in_namespace(
        &server,
        &program,
        &["read-flash", "0x10000", "0x1000", read.to_str().unwrap()],
        chip,
    )
    .expect(0, "successfully read");
    assert_eq!(std::fs::read(read).unwrap(), plain[..0x1000]);
}

#[test]
fn esp32() {
    writes_and_reads_back(Chip::Esp32);
}

#[test]
fn esp32s3() {
    writes_and_reads_back(Chip::Esp32S3);
}

#[test]
fn esp32c3() {
    writes_and_reads_back(Chip::Esp32C3);
}
