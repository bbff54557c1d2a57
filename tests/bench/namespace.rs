//! espflash opens only ports that the system lists, and no system lists ptys. So it runs in a mount
//! namespace of its own, where the pty stands in for a device that is listed. What that takes is
//! taken off its time.

use std::ffi::OsString;
use std::time::{Duration, SystemTime};

/// A device file that every Linux has; in the namespace it is the pty.
pub(crate) const DEVICE: &str = "/dev/full";

/// Lists the device as a serial port (`/sys/class/tty`, as the `serialport` crate reads it), makes it
/// the pty `$1`, says the time in nanoseconds, and becomes the rest.
const SCRIPT: &str = r#"
pty=$1; shift
mount -t tmpfs none /sys/class/tty || exit 99
mkdir -p /sys/class/tty/full/device /sys/class/tty/bus/pci || exit 99
ln -s ../../bus/pci /sys/class/tty/full/device/subsystem || exit 99
mount --bind "$pty" /dev/full || exit 99
date +%s%N
exec "$@"
"#;

/// Arguments of `unshare`, before the program's.
pub(crate) fn arguments(pty: &str) -> Vec<OsString> {
    ["--map-root-user", "--mount", "sh", "-c", SCRIPT, "sh", pty]
        .map(OsString::from)
        .into()
}

/// How long the setting up took, and what the program itself printed; `None` if it never ran.
pub(crate) fn split(output: &str, spawned: SystemTime) -> Option<(Duration, String)> {
    let (time, rest) = output.split_once('\n')?;
    let at = SystemTime::UNIX_EPOCH + Duration::from_nanos(time.trim().parse().ok()?);
    Some((
        at.duration_since(spawned).unwrap_or_default(),
        rest.to_owned(),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_is_the_time() {
        let spawned = SystemTime::UNIX_EPOCH + Duration::from_secs(5);
        let (took, rest) = split("5020000000\nsaid\nmore\n", spawned).unwrap();
        assert_eq!(
            (took, rest.as_str()),
            (Duration::from_millis(20), "said\nmore\n")
        );
        assert_eq!(split("mount: permission denied\n", spawned), None);
    }
}
