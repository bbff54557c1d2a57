//! Which files the client is asked to tell about.

/// Files whose change may mean that there is something else to deploy: what build tools leave
/// behind, and what they are configured by.
pub(crate) const WATCHED: [&str; 8] = [
    "**/flasher_args.json",
    "**/platformio.ini",
    "**/runners.yaml",
    "**/Cargo.toml",
    "**/espflash.toml",
    "**/*.bin",
    "**/*.elf",
    "**/.fbuild/build/**",
];

/// Further files that help while editing depends on.
pub(crate) const WATCHED_TOO: [&str; 4] = [
    "**/sdkconfig*",
    "**/*.csv",
    "**/*.ini",
    "**/project_description.json",
];
