//! Writing a UF2 file to a board's volume, which goes away when the board has everything.

use std::fs::File;
use std::io::{self, Write as _};
use std::time::{Duration, Instant};

use fbuild_loader::cancel::CancelToken;
use fbuild_loader::error::LoaderError;

use super::Writing;
use super::error::UsbError;
use super::volume::Volume;
use crate::event::Phase;
use crate::failure::DeployError;

/// What is written before it is waited for until it has arrived: else a progress would tell of the system's
/// memory only.
const CHUNK_BYTES: usize = 32 << 10;
/// The board may go while so many are written, at most: a page of the system's memory, 8 blocks of UF2.
const END_BYTES: usize = 4 << 10;
/// How long a board may take to write what it has got, and to restart.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How often it is looked whether it did, and a cancel heard.
const POLL: Duration = Duration::from_millis(50);
/// What the file is called there; the boot ROM does not look at it.
const NAME: &str = "firmware.uf2";

pub(super) fn copy(
    volume: &Volume,
    bytes: &[u8],
    writing: &mut Writing<'_, '_>,
) -> Result<(), DeployError> {
    let cancel = writing.0.cancel();
    let path = &volume.mount.path;
    let failed = |sent_bytes, why| UsbError::Copy {
        path: path.clone(),
        sent_bytes,
        total_bytes: bytes.len(),
        why,
    };
    let check_cancel = || {
        let is_cancelled = cancel.is_cancelled();
        (!is_cancelled).then_some(()).ok_or(LoaderError::Cancelled)
    };
    check_cancel()?;
    let mut file = File::create(path.join(NAME)).map_err(|why| failed(0, why))?;
    writing.begins();
    let mut sent_bytes = 0;
    let mut last = Ok(());
    for chunk in chunks(bytes) {
        check_cancel()?;
        let is_last = sent_bytes + chunk.len() == bytes.len();
        match put(&mut file, chunk) {
            // The board may go before the system has written what it keeps of the file.
            Err(why) if is_last => last = Err(why),
            Err(why) => return Err(failed(sent_bytes, why).into()),
            Ok(()) => {}
        }
        sent_bytes += chunk.len();
        writing.reached(Phase::Write, sent_bytes, bytes.len());
    }
    drop(file);
    if !goes(&|| volume.mount.is_there(), TIMEOUT, cancel)? {
        last.map_err(|why| failed(sent_bytes, why))?;
        let seconds = TIMEOUT.as_secs();
        let path = path.clone();
        return Err(UsbError::NotTaken { path, seconds }.into());
    }
    Ok(())
}

/// Whether something that is there goes away in time.
fn goes(
    is_there: &dyn Fn() -> bool,
    timeout: Duration,
    cancel: &CancelToken,
) -> Result<bool, LoaderError> {
    let since = Instant::now();
    while is_there() {
        if cancel.is_cancelled() {
            return Err(LoaderError::Cancelled);
        }
        if since.elapsed() >= timeout {
            return Ok(false);
        }
        std::thread::sleep(POLL);
    }
    Ok(true)
}

/// The last one is small: an error there says nothing where the board goes, and elsewhere that it does not have all.
fn chunks(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (most, end) = bytes.split_at(bytes.len().saturating_sub(1) / END_BYTES * END_BYTES);
    most.chunks(CHUNK_BYTES).chain([end])
}

fn put(file: &mut File, chunk: &[u8]) -> io::Result<()> {
    file.write_all(chunk)?;
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn the_last_chunk_is_a_few_blocks() {
        for len_bytes in [512, 4096, 4608, 32 << 10, 200_192] {
            let bytes = vec![0; len_bytes];
            let sizes: Vec<usize> = chunks(&bytes).map(<[u8]>::len).collect();
            assert_eq!(sizes.iter().sum::<usize>(), len_bytes);
            assert!(*sizes.last().unwrap() <= END_BYTES, "{sizes:?}");
            assert!(!sizes.contains(&0), "{sizes:?}");
        }
    }

    #[test]
    fn a_volume_that_stays_is_seen() {
        let cancel = CancelToken::new();
        assert!(matches!(goes(&|| true, Duration::ZERO, &cancel), Ok(false)));
        let looks = Cell::new(0);
        let goes_later = || {
            looks.set(looks.get() + 1);
            looks.get() < 3
        };
        assert!(matches!(goes(&goes_later, TIMEOUT, &cancel), Ok(true)));
        cancel.cancel();
        let ended = goes(&|| true, TIMEOUT, &cancel);
        assert!(matches!(ended, Err(LoaderError::Cancelled)));
    }
}
