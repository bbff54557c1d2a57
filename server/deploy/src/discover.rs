//! Find the targets of a workspace.
