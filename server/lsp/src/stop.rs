//! Why work ended without a result.

use fbuild_deploy::outcome::Failure;

#[derive(Debug)]
pub(crate) enum Stop {
    /// On request.
    Cancelled,
    Failed(Failure),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// What went wrong, if something did.
pub(crate) fn failure_of<T>(result: &Result<T, Stop>) -> Option<&Failure> {
    match result {
        Err(Stop::Failed(failure)) => Some(failure),
        Ok(_) | Err(Stop::Cancelled) => None,
    }
}

/// The contract's name for how work ended; `good`: that of a success.
pub(crate) fn outcome_of<T>(result: &Result<T, Stop>, good: &'static str) -> &'static str {
    match result {
        Ok(_) => good,
        Err(Stop::Cancelled) => "cancelled",
        Err(Stop::Failed(_)) => "failed",
    }
}
