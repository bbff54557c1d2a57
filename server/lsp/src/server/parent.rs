//! Whether the client's process is still there.
//!
//! A client that dies takes its end of the pipe with it, unless somebody else inherited it. The
//! protocol therefore asks servers to look at the process id that `initialize` names. On Windows
//! that would take `unsafe` calls; there the end of the input has to do.

use std::time::Duration;

/// Done once process `pid` is gone. Never done if it cannot be seen from here to begin with (the
/// client runs in another container or on another machine), or if this system cannot tell.
///
/// The first look is at the call: a client that is gone right after `initialize` was there.
pub(crate) fn gone(pid: u32, poll: Duration) -> impl Future<Output = ()> + Send + use<> {
    let was_there = is_alive(pid);
    async move {
        if !was_there {
            tracing::debug!(pid, "the client's process cannot be seen from here");
            return std::future::pending().await;
        }
        while is_alive(pid) {
            tokio::time::sleep(poll).await;
        }
    }
}

#[cfg(unix)]
fn is_alive(pid: u32) -> bool {
    use rustix::io::Errno;
    use rustix::process::{Pid, test_kill_process};

    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return false;
    };
    // EPERM: it is there and somebody else's.
    !matches!(test_kill_process(pid), Err(Errno::SRCH))
}

#[cfg(not(unix))]
fn is_alive(_: u32) -> bool {
    false
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    const POLL: Duration = Duration::from_millis(1);

    async fn is_gone_within(pid: u32, wait: Duration) -> bool {
        tokio::time::timeout(wait, gone(pid, POLL)).await.is_ok()
    }

    #[tokio::test]
    async fn a_process_that_ends_is_gone() {
        let mut client = std::process::Command::new("sleep")
            .arg("600")
            .spawn()
            .unwrap();
        let pid = client.id();
        assert!(!is_gone_within(pid, 20 * POLL).await);
        // The watch begins while the process is there, however late it is looked at.
        let watch = gone(pid, POLL);
        client.kill().unwrap();
        client.wait().unwrap();
        let wait = Duration::from_secs(20);
        tokio::time::timeout(wait, watch).await.unwrap();
    }

    #[tokio::test]
    async fn a_process_that_was_never_there_is_not() {
        let mut client = std::process::Command::new("true").spawn().unwrap();
        client.wait().unwrap();
        assert!(!is_gone_within(client.id(), 20 * POLL).await);
        assert!(!is_gone_within(0, 20 * POLL).await);
    }
}
