//! The volume by which an RP2040 or RP2350 in BOOTSEL mode takes UF2 files: which of the mounted ones it is.
//!
//! Source: RP2040 data sheet, 2.8.4; RP2350 data sheet, 5.5. Each has a file INFO_UF2.TXT with a line
//! `Board-ID: RPI-RP2` or `Board-ID: RP2350`.

use std::path::{Path, PathBuf};

use fbuild_chip::usb::Rp2;
use fbuild_project::file;

use super::error::UsbError;

/// The file by which a volume is known.
const INFO: &str = "INFO_UF2.TXT";
/// It is a few lines long.
const INFO_LIMIT: u64 = 4096;
/// Much more than a machine has mounted.
const MOUNTS_LIMIT: u64 = 1 << 20;
/// What to do where there is none.
const PRESS: &str = "hold BOOTSEL while you plug the board in, or while you press its reset button, and wait until \
                     its volume is mounted; where the serial port of a program that runs is named, it leaves by \
                     itself; picotool needs no volume";

/// A place in which something may be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mount {
    pub(super) path: PathBuf,
    /// The device that it is on, where that goes with the board.
    device: Option<PathBuf>,
}

impl Mount {
    /// A directory that a person named.
    pub(super) fn of(path: &Path) -> Self {
        let real = path.canonicalize().unwrap_or_else(|_| path.to_owned());
        let known = mounts().into_iter().find(|mount| mount.path == real);
        known.unwrap_or_else(|| Self::without_device(path.to_owned()))
    }

    fn without_device(path: PathBuf) -> Self {
        Self { path, device: None }
    }

    /// Whether the board's boot loader is still there. What the system remembers of a file system can be read
    /// after its device has gone.
    pub(super) fn is_there(&self) -> bool {
        self.path.join(INFO).is_file() && self.device.as_ref().is_none_or(|device| device.exists())
    }
}

/// What is mounted, as far as it can be such a volume.
fn mounts() -> Vec<Mount> {
    if cfg!(target_os = "linux") {
        let text = file::read_start(Path::new("/proc/self/mounts"), MOUNTS_LIMIT);
        return of_mounts(&String::from_utf8_lossy(&text.unwrap_or_default()));
    }
    let places: Vec<PathBuf> = if cfg!(windows) {
        ('D'..='Z')
            .map(|letter| format!("{letter}:\\").into())
            .collect()
    } else {
        let volumes = std::fs::read_dir("/Volumes").into_iter().flatten();
        volumes
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect()
    };
    places.into_iter().map(Mount::without_device).collect()
}

/// The FAT file systems of Linux' table of mounts, in which a space is `\040`.
fn of_mounts(text: &str) -> Vec<Mount> {
    let mount = |line: &str| {
        let mut fields = line.split(' ');
        let (device, path, kind) = (fields.next()?, fields.next()?, fields.next()?);
        matches!(kind, "vfat" | "msdos").then(|| Mount {
            path: unescaped(path).into(),
            device: device
                .starts_with("/dev/")
                .then(|| unescaped(device).into()),
        })
    };
    text.lines().filter_map(mount).collect()
}

fn unescaped(field: &str) -> String {
    let mut parts = field.split('\\');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let code = part
            .get(..3)
            .and_then(|code| u8::from_str_radix(code, 8).ok());
        match code {
            Some(code) => {
                text.push(char::from(code));
                text.push_str(&part[3..]);
            }
            None => text.extend(["\\", part]),
        }
    }
    text
}

/// The volume of a board's boot loader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Volume {
    pub(super) mount: Mount,
    pub(super) chip: Rp2,
}

impl Volume {
    /// The one that is mounted there.
    pub(super) fn at(mount: Mount) -> Result<Self, UsbError> {
        let text = file::read_text(&mount.path.join(INFO), INFO_LIMIT);
        let chip = match &text {
            Ok(text) => chip(text),
            Err(why) => Err(format!("{INFO} {why}")),
        };
        match chip {
            Ok(chip) => Ok(Self { mount, chip }),
            Err(why) => Err(UsbError::NotAVolume {
                path: mount.path,
                why,
            }),
        }
    }

    /// Those that are mounted.
    pub(super) fn all() -> Vec<Self> {
        let mounts = mounts().into_iter();
        mounts.filter_map(|mount| Self::at(mount).ok()).collect()
    }
}

/// Which chip's volume it is, by its INFO_UF2.TXT.
fn chip(info: &str) -> Result<Rp2, String> {
    let mut ids = info
        .lines()
        .filter_map(|line| line.strip_prefix("Board-ID:"));
    let id = ids.next().map(str::trim);
    let id = id.ok_or_else(|| format!("{INFO} has no Board-ID"))?;
    Rp2::of_board_id(id).ok_or_else(|| format!("{INFO} says Board-ID {id}"))
}

/// The one that is meant where none was named: it has the chip that the program is for, unless there is only
/// another one.
pub(super) fn only(mut found: Vec<Volume>, chip: Rp2) -> Result<Volume, UsbError> {
    if found.iter().any(|volume| volume.chip == chip) {
        found.retain(|volume| volume.chip == chip);
    }
    match (found.pop(), found.is_empty()) {
        (Some(only), true) => Ok(only),
        (Some(last), false) => {
            found.push(last);
            let place = |volume: &Volume| volume.mount.path.display().to_string();
            Err(UsbError::Several {
                volumes: found.iter().map(place).collect(),
            })
        }
        (None, _) => Err(UsbError::NoBoard {
            board: chip.to_string(),
            why: "none of its volumes (RPI-RP2, RP2350) is mounted, and picotool was not found"
                .to_owned(),
            press: PRESS,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounted_volumes_are_found_in_the_table() {
        let table = "/dev/sda2 / ext4 rw 0 0\n\
                     proc /proc proc rw 0 0\n\
                     /dev/sdb1 /run/media/me/RPI-RP2 vfat rw,nosuid 0 0\n\
                     /dev/sdc1 /media/my\\040board vfat rw 0 0\n\
                     odd\n";
        let mount = |device: &str, path: &str| Mount {
            path: path.into(),
            device: Some(device.into()),
        };
        let expected = [
            mount("/dev/sdb1", "/run/media/me/RPI-RP2"),
            mount("/dev/sdc1", "/media/my board"),
        ];
        assert_eq!(of_mounts(table), expected);
        assert_eq!(unescaped("a\\9\\134b\\"), "a\\9\\b\\");
    }

    #[test]
    fn a_volume_is_known_by_its_board_id() {
        let rp2040 = "UF2 Bootloader v3.0\r\nModel: Raspberry Pi RP2\r\nBoard-ID: RPI-RP2\r\n";
        assert_eq!(chip(rp2040), Ok(Rp2::Rp2040));
        assert_eq!(chip("Board-ID: RP2350\n"), Ok(Rp2::Rp2350));
        let other = "Board-ID: SAMD51J19A-Feather-v0";
        assert_eq!(
            chip(other).unwrap_err(),
            "INFO_UF2.TXT says Board-ID SAMD51J19A-Feather-v0"
        );
        assert_eq!(chip("").unwrap_err(), "INFO_UF2.TXT has no Board-ID");
    }

    #[test]
    fn of_several_volumes_the_one_with_the_right_chip_is_meant() {
        let volume = |path: &str, chip| Volume {
            mount: Mount::without_device(path.into()),
            chip,
        };
        let (a, b) = (volume("/a", Rp2::Rp2040), volume("/b", Rp2::Rp2350));
        let only = |found: &[&Volume], chip| {
            let found = found.iter().map(|volume| (*volume).clone()).collect();
            only(found, chip).map_err(|error| error.to_string())
        };
        assert_eq!(only(&[&a, &b], Rp2::Rp2040), Ok(a.clone()));
        assert_eq!(only(&[&b], Rp2::Rp2040), Ok(b.clone()));
        assert_eq!(
            only(&[&a, &volume("/c", Rp2::Rp2040)], Rp2::Rp2040).unwrap_err(),
            "several boards are in boot loader mode: /a, /c"
        );
        assert!(
            only(&[], Rp2::Rp2350)
                .unwrap_err()
                .starts_with("no RP2350 is in")
        );
    }
}
