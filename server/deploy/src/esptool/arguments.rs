//! What esptool is called with. Pure: nothing passes through a shell, and nothing is left to
//! esptool's own defaults, which differ between versions and can be set by its configuration file.

use fbuild_chip::Chip;
use fbuild_loader::reset::{After, Before};

use super::version::Spelling;

/// How often esptool resets a board and tries to talk to it: its own usual number, said here so that
/// messages can name it.
pub const CONNECT_ATTEMPTS: u32 = 7;

/// How to reach the board.
#[derive(Debug, Clone, Copy)]
pub struct Connection<'a> {
    /// The chip that must be there; `None`: whatever is there.
    pub chip: Option<Chip>,
    /// What esptool opens.
    pub port: &'a str,
    /// Baud rate after the first contact.
    pub baud: u32,
    /// How to get the board into download mode.
    pub before: Before,
    /// What to do with it at the end.
    pub after: After,
}

/// A file and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placed {
    /// Byte offset in flash.
    pub offset: u32,
    /// The file's name.
    pub file: String,
}

/// What esptool is to do.
#[derive(Debug, Clone, Copy)]
pub enum Work<'a> {
    /// Say who is there and how much flash it has.
    Identify,
    /// Say the board's address: the shortest run there is, for the reset after it.
    ReadMac,
    /// Read words of memory into a file.
    DumpMemory {
        /// The first word's address.
        address: u32,
        /// How many bytes.
        len_bytes: u32,
        /// The file's name.
        file: &'a str,
    },
    /// Read flash into a file.
    ReadFlash {
        /// Byte offset in flash.
        offset: u32,
        /// How many bytes.
        len_bytes: u32,
        /// The file's name.
        file: &'a str,
    },
    /// Compare files with flash.
    Verify(&'a [Placed]),
    /// Write files, in this order.
    Write {
        /// The files.
        files: &'a [Placed],
        /// The flash size's name, where the chip does not tell it (Secure Download Mode).
        flash_size: Option<&'a str>,
        /// The chip encrypts what it writes.
        encrypt: bool,
        /// Whatever eFuses say.
        force: bool,
    },
}

/// Somebody wants no file compared or written; esptool would do nothing and call it a success.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NoFiles;

/// The arguments, without the program.
///
/// # Errors
/// [`NoFiles`] if a command that needs images has none.
pub fn arguments(
    spelling: Spelling,
    connection: &Connection<'_>,
    work: Work<'_>,
) -> Result<Vec<String>, NoFiles> {
    let spelled = |text: &str| spelling.of(text);
    let option = |name: &str| format!("--{}", spelled(name));
    let mut words = global(spelling, connection);
    match work {
        Work::Identify => words.extend(["--no-stub".to_owned(), spelled("flash-id")]),
        Work::ReadMac => words.extend(["--no-stub".to_owned(), spelled("read-mac")]),
        Work::DumpMemory {
            address,
            len_bytes,
            file,
        } => words.extend([
            "--no-stub".to_owned(),
            spelled("dump-mem"),
            format!("{address:#x}"),
            format!("{len_bytes:#x}"),
            file.to_owned(),
        ]),
        Work::ReadFlash {
            offset,
            len_bytes,
            file,
        } => words.extend([
            spelled("read-flash"),
            format!("{offset:#x}"),
            format!("{len_bytes:#x}"),
            file.to_owned(),
        ]),
        Work::Verify(files) => {
            words.push(spelled("verify-flash"));
            // What is compared is the file: its header was patched already.
            for name in ["flash-mode", "flash-freq", "flash-size"] {
                words.extend([option(name), "keep".to_owned()]);
            }
            place(&mut words, files)?;
        }
        Work::Write {
            files,
            flash_size,
            encrypt,
            force,
        } => {
            words.push(spelled("write-flash"));
            for name in ["flash-mode", "flash-freq"] {
                words.extend([option(name), "keep".to_owned()]);
            }
            let size = flash_size.unwrap_or("keep").to_owned();
            words.extend([option("flash-size"), size]);
            if encrypt {
                words.push(option("encrypt"));
            }
            if force {
                words.push(option("force"));
            }
            place(&mut words, files)?;
        }
    }
    Ok(words)
}

/// Names of options that come before the command have hyphens in every version; values do not.
fn global(spelling: Spelling, connection: &Connection<'_>) -> Vec<String> {
    let before = match connection.before {
        Before::Reset => "default-reset",
        Before::NoReset => "no-reset",
    };
    let after = match connection.after {
        After::Reset => "hard-reset",
        After::NoReset => "no-reset",
    };
    let pairs = [
        (
            "--chip",
            connection.chip.map_or("auto", Chip::name).to_owned(),
        ),
        ("--port", connection.port.to_owned()),
        ("--baud", connection.baud.to_string()),
        ("--before", spelling.of(before)),
        ("--after", spelling.of(after)),
        ("--connect-attempts", CONNECT_ATTEMPTS.to_string()),
    ];
    let words = pairs
        .into_iter()
        .flat_map(|(name, value)| [name.to_owned(), value]);
    words.collect()
}

fn place(words: &mut Vec<String>, files: &[Placed]) -> Result<(), NoFiles> {
    if files.is_empty() {
        return Err(NoFiles);
    }
    for placed in files {
        words.extend([format!("{:#x}", placed.offset), placed.file.clone()]);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONNECTION: Connection<'_> = Connection {
        chip: Some(Chip::Esp32C3),
        port: "/dev/tty USB0; rm -rf /",
        baud: 460_800,
        before: Before::Reset,
        after: After::Reset,
    };

    fn files() -> Vec<Placed> {
        let placed = |offset, file: &str| Placed {
            offset,
            file: file.to_owned(),
        };
        vec![placed(0x1_0000, "a.bin"), placed(0, "b.bin")]
    }

    fn words(spelling: Spelling, connection: &Connection<'_>, work: Work<'_>) -> Vec<String> {
        arguments(spelling, connection, work).unwrap()
    }

    #[test]
    fn each_version_gets_its_own_words() {
        let files = files();
        let write = Work::Write {
            files: &files,
            flash_size: None,
            encrypt: false,
            force: true,
        };
        assert_eq!(
            words(Spelling::Hyphens, &CONNECTION, write),
            [
                "--chip",
                "esp32c3",
                "--port",
                "/dev/tty USB0; rm -rf /",
                "--baud",
                "460800",
                "--before",
                "default-reset",
                "--after",
                "hard-reset",
                "--connect-attempts",
                "7",
                "write-flash",
                "--flash-mode",
                "keep",
                "--flash-freq",
                "keep",
                "--flash-size",
                "keep",
                "--force",
                "0x10000",
                "a.bin",
                "0x0",
                "b.bin"
            ]
        );
        let old = words(Spelling::Underscores, &CONNECTION, write).join(" ");
        assert!(old.contains(" --before default_reset --after hard_reset --connect-attempts 7 "));
        assert!(
            old.contains(" write_flash --flash_mode keep --flash_freq keep --flash_size keep ")
        );
    }

    #[test]
    fn every_kind_of_work_has_its_command() {
        let files = files();
        let ends = |work, end: &str| {
            let line = words(Spelling::Hyphens, &CONNECTION, work).join(" ");
            assert!(line.ends_with(end), "{line}");
        };
        ends(Work::Identify, " --no-stub flash-id");
        ends(Work::ReadMac, " --no-stub read-mac");
        let dump = Work::DumpMemory {
            address: 0x3FF5_A000,
            len_bytes: 0x1C,
            file: "efuses",
        };
        ends(dump, " --no-stub dump-mem 0x3ff5a000 0x1c efuses");
        let read = Work::ReadFlash {
            offset: 0x8000,
            len_bytes: 0x8000,
            file: "content",
        };
        ends(read, " read-flash 0x8000 0x8000 content");
        let old = words(Spelling::Underscores, &CONNECTION, read).join(" ");
        assert!(old.ends_with(" read_flash 0x8000 0x8000 content"), "{old}");
        ends(
            Work::Verify(&files[..1]),
            "verify-flash --flash-mode keep --flash-freq keep --flash-size keep 0x10000 a.bin",
        );
        let write = Work::Write {
            files: &files[1..],
            flash_size: Some("4MB"),
            encrypt: true,
            force: false,
        };
        ends(write, "--flash-size 4MB --encrypt 0x0 b.bin");
        let any = Connection {
            chip: None,
            before: Before::NoReset,
            after: After::NoReset,
            ..CONNECTION
        };
        let line = words(Spelling::Underscores, &any, Work::Identify).join(" ");
        assert!(line.starts_with("--chip auto "), "{line}");
        assert!(
            line.contains(" --before no_reset --after no_reset "),
            "{line}"
        );
    }

    #[test]
    fn nothing_to_compare_or_to_write_is_refused() {
        let write = Work::Write {
            files: &[],
            flash_size: None,
            encrypt: false,
            force: false,
        };
        for work in [write, Work::Verify(&[])] {
            let refused = arguments(Spelling::Hyphens, &CONNECTION, work);
            assert_eq!(refused, Err(NoFiles));
        }
    }
}
