//! A password that a project or a person has for a board.

use std::fmt;

/// A password: shown nowhere, also not among what else is known of a target.
#[derive(Clone, PartialEq, Eq)]
pub struct Password(String);

impl Password {
    /// `None`, if it is empty.
    pub fn new(password: impl Into<String>) -> Option<Self> {
        Some(Self(password.into())).filter(|password| !password.0.is_empty())
    }

    /// For who proves that it is known.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}
