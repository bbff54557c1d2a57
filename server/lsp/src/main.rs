//! The `fbuild-lsp` binary.
fn main() {}
