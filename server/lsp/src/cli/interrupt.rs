//! Ctrl-C and SIGTERM: the first one stops at the next block and frees the port, the second ends
//! the process at once.

use fbuild_loader::cancel::CancelToken;

use super::CANCELLED;
use crate::plain::Line;

/// A token that a signal raises; `say` tells the person so.
pub(crate) fn token(say: impl Fn(Line) + Send + 'static) -> CancelToken {
    let token = CancelToken::new();
    let raised = token.clone();
    let heard = ctrlc::set_handler(move || {
        if raised.is_cancelled() {
            std::process::exit(i32::from(CANCELLED));
        }
        raised.cancel();
        say("stopping after this block; press Ctrl-C again to abort now".into());
    });
    if let Err(error) = heard {
        tracing::warn!(%error, "signals will end this process at once");
    }
    token
}
