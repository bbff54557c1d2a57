//! One process at a time sends to a device: two images at once would end up in one slot.

use std::fs::{File, TryLockError};
use std::io::{self, Seek as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;

use fbuild_link::holder::{self, Holder};

use crate::own_file;

/// Takes a device, by the address that its name stands for: it has several names. Where no lock can be made, it is
/// taken without one.
///
/// # Errors
/// Another process has it: who that is, where it can be seen.
pub(super) fn take(dir: &Path, device: SocketAddr) -> Result<Option<File>, Vec<Holder>> {
    let name = device.to_string().replace(['.', ':', '[', ']', '%'], "-");
    let path = dir.join(name);
    let lock = own_file::directory(dir).and_then(|()| own_file::lock_of(&path));
    let locked = lock.map_err(TryLockError::Error).and_then(|lock| {
        lock.try_lock()?;
        Ok(lock)
    });
    match locked {
        Ok(mut lock) => {
            if let Err(error) = sign(&mut lock) {
                tracing::debug!(path = %path.display(), %error, "nobody will see who has it");
            }
            Ok(Some(lock))
        }
        Err(TryLockError::WouldBlock) => Err(signed(&path).into_iter().collect()),
        Err(TryLockError::Error(error)) => {
            tracing::debug!(path = %path.display(), %error, "without a lock");
            Ok(None)
        }
    }
}

/// Writes down who has it.
fn sign(lock: &mut File) -> io::Result<()> {
    lock.set_len(0)?;
    lock.rewind()?;
    write!(lock, "{}", std::process::id())
}

fn signed(path: &Path) -> Option<Holder> {
    let text = own_file::read(&path.with_extension("lock")).ok()?;
    holder::process(String::from_utf8(text).ok()?.trim().parse().ok()?)
}
