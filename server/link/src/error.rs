//! Why a port could not be opened. Facts only; advice is added where the front end is known.

use std::io;

use crate::holder::Holder;

/// Why a port could not be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// No such port.
    #[error("port {port} does not exist")]
    NotFound {
        /// The port as it was asked for.
        port: String,
    },
    /// Another program holds it.
    #[error("port {port} {}", crate::holder::sentence(holders))]
    Busy {
        /// The port as it was asked for.
        port: String,
        /// Who that is, where it can be seen.
        holders: Vec<Holder>,
    },
    /// The user may not open it.
    #[error("no permission to open port {port}")]
    Permission {
        /// The port as it was asked for.
        port: String,
    },
    /// The name cannot be a port.
    #[error("'{port}' is not a port: {why}")]
    BadName {
        /// The port as it was asked for.
        port: String,
        /// What is wrong with it.
        why: String,
    },
    /// Anything else the operating system says.
    #[error("port {port} could not be opened: {source}")]
    Other {
        /// The port as it was asked for.
        port: String,
        /// What the operating system said.
        source: io::Error,
    },
}
