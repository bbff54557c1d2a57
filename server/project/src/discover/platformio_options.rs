//! The options that PlatformIO knows: how their values are read, and which variables override them.
//!
//! Source: PlatformIO Core 6.2.0, `platformio/project/options.py`; all of its options.

/// What `upload_protocol` may be for an ESP32; a board's file may have more, as its debug tools.
///
/// Source: platform-espressif32 6.13.0, `builder/main.py` and `platform.py`.
pub const UPLOAD_PROTOCOLS: &[&str] = &[
    "esptool",
    "espota",
    "custom",
    "dfu",
    "mbctool",
    "esp-builtin",
    "esp-bridge",
    "esp-prog",
    "esp-prog-2",
    "cmsis-dap",
    "iot-bus-jtag",
    "jlink",
    "minimodule",
    "olimex-arm-usb-ocd",
    "olimex-arm-usb-ocd-h",
    "olimex-arm-usb-tiny-h",
    "olimex-jtag-tiny",
    "tumpa",
];

/// How a value is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    /// One of a few words.
    Choice(&'static [&'static str]),
    List,
    Int,
    /// 0 or 1.
    Bit,
    Bool,
    /// A directory: `~` and the project directory are filled in.
    Dir,
}

/// What is known about an option.
#[derive(Debug)]
pub(super) struct OptionFacts {
    /// `platformio` or `env`.
    pub(super) scope: &'static str,
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    /// Environment variable that overrides it (or adds to it, for lists).
    pub(super) variable: Option<&'static str>,
    pub(super) old_names: &'static [&'static str],
    pub(super) default: Option<&'static str>,
}

const fn option(scope: &'static str, name: &'static str, kind: Kind) -> OptionFacts {
    OptionFacts {
        scope,
        name,
        kind,
        variable: None,
        old_names: &[],
        default: None,
    }
}

impl OptionFacts {
    const fn variable(mut self, variable: &'static str) -> Self {
        self.variable = Some(variable);
        self
    }

    const fn old(mut self, old_names: &'static [&'static str]) -> Self {
        self.old_names = old_names;
        self
    }

    const fn default(mut self, default: &'static str) -> Self {
        self.default = Some(default);
        self
    }
}

const fn dir(name: &'static str, variable: &'static str, default: &'static str) -> OptionFacts {
    option("platformio", name, Kind::Dir)
        .variable(variable)
        .default(default)
}

const fn env(name: &'static str, kind: Kind) -> OptionFacts {
    option("env", name, kind)
}

/// In PlatformIO's order, which is the order in which overriding variables are listed.
static OPTIONS: &[OptionFacts] = &[
    option("platformio", "name", Kind::Text),
    option("platformio", "description", Kind::Text),
    option("platformio", "default_envs", Kind::List)
        .variable("PLATFORMIO_DEFAULT_ENVS")
        .old(&["env_default"]),
    option("platformio", "extra_configs", Kind::List),
    dir("core_dir", "PLATFORMIO_CORE_DIR", "~/.platformio").old(&["home_dir"]),
    dir(
        "globallib_dir",
        "PLATFORMIO_GLOBALLIB_DIR",
        "${platformio.core_dir}/lib",
    ),
    dir(
        "platforms_dir",
        "PLATFORMIO_PLATFORMS_DIR",
        "${platformio.core_dir}/platforms",
    ),
    dir(
        "packages_dir",
        "PLATFORMIO_PACKAGES_DIR",
        "${platformio.core_dir}/packages",
    ),
    dir(
        "cache_dir",
        "PLATFORMIO_CACHE_DIR",
        "${platformio.core_dir}/.cache",
    ),
    option("platformio", "build_cache_dir", Kind::Dir).variable("PLATFORMIO_BUILD_CACHE_DIR"),
    dir(
        "workspace_dir",
        "PLATFORMIO_WORKSPACE_DIR",
        "${PROJECT_DIR}/.pio",
    ),
    dir(
        "build_dir",
        "PLATFORMIO_BUILD_DIR",
        "${platformio.workspace_dir}/build",
    ),
    dir(
        "libdeps_dir",
        "PLATFORMIO_LIBDEPS_DIR",
        "${platformio.workspace_dir}/libdeps",
    ),
    dir(
        "include_dir",
        "PLATFORMIO_INCLUDE_DIR",
        "${PROJECT_DIR}/include",
    ),
    dir("src_dir", "PLATFORMIO_SRC_DIR", "${PROJECT_DIR}/src"),
    dir("lib_dir", "PLATFORMIO_LIB_DIR", "${PROJECT_DIR}/lib"),
    dir("data_dir", "PLATFORMIO_DATA_DIR", "${PROJECT_DIR}/data"),
    dir("test_dir", "PLATFORMIO_TEST_DIR", "${PROJECT_DIR}/test"),
    dir(
        "boards_dir",
        "PLATFORMIO_BOARDS_DIR",
        "${PROJECT_DIR}/boards",
    ),
    dir(
        "monitor_dir",
        "PLATFORMIO_MONITOR_DIR",
        "${PROJECT_DIR}/monitor",
    ),
    dir(
        "shared_dir",
        "PLATFORMIO_SHARED_DIR",
        "${PROJECT_DIR}/shared",
    ),
    env("platform", Kind::Text),
    env("board", Kind::Text),
    env("build_type", Kind::Choice(&["release", "test", "debug"])).default("release"),
    env("upload_protocol", Kind::Text),
    env("upload_resetmethod", Kind::Text),
    env("upload_command", Kind::Text),
    env("monitor_port", Kind::Text),
    env("monitor_parity", Kind::Choice(&["N", "E", "O", "S", "M"])).default("N"),
    env("monitor_rts", Kind::Bit),
    env("monitor_dtr", Kind::Bit),
    env("monitor_eol", Kind::Choice(&["CR", "LF", "CRLF"])).default("CRLF"),
    env("monitor_encoding", Kind::Text).default("UTF-8"),
    env(
        "lib_ldf_mode",
        Kind::Choice(&["off", "chain", "deep", "chain+", "deep+"]),
    )
    .default("chain"),
    env("lib_compat_mode", Kind::Choice(&["off", "soft", "strict"])).default("soft"),
    env(
        "test_framework",
        Kind::Choice(&["doctest", "googletest", "unity", "custom"]),
    )
    .default("unity"),
    env("test_port", Kind::Text),
    env("debug_tool", Kind::Text),
    env("debug_init_break", Kind::Text).default("tbreak main"),
    env(
        "debug_load_mode",
        Kind::Choice(&["always", "modified", "manual"]),
    )
    .default("always"),
    env("debug_port", Kind::Text),
    env("debug_speed", Kind::Text),
    env("debug_svd_path", Kind::Text),
    env("debug_server_ready_pattern", Kind::Text),
    env("debug_test", Kind::Text),
    env("platform_packages", Kind::List),
    env("framework", Kind::List),
    env("board_build.mcu", Kind::Text).old(&["board_mcu"]),
    env("board_build.f_cpu", Kind::Text).old(&["board_f_cpu"]),
    env("board_build.f_flash", Kind::Text).old(&["board_f_flash"]),
    env("board_build.flash_mode", Kind::Text).old(&["board_flash_mode"]),
    env("build_flags", Kind::List).variable("PLATFORMIO_BUILD_FLAGS"),
    env("build_src_flags", Kind::List)
        .variable("PLATFORMIO_BUILD_SRC_FLAGS")
        .old(&["src_build_flags"]),
    env("build_unflags", Kind::List).variable("PLATFORMIO_BUILD_UNFLAGS"),
    env("build_src_filter", Kind::List)
        .variable("PLATFORMIO_BUILD_SRC_FILTER")
        .old(&["src_filter"])
        .default("+<*> -<.git/> -<.svn/>"),
    env("targets", Kind::List),
    env("upload_port", Kind::Text).variable("PLATFORMIO_UPLOAD_PORT"),
    env("upload_speed", Kind::Int),
    env("upload_flags", Kind::List).variable("PLATFORMIO_UPLOAD_FLAGS"),
    env("monitor_speed", Kind::Int)
        .old(&["monitor_baud"])
        .default("9600"),
    env("monitor_filters", Kind::List),
    env("monitor_raw", Kind::Bool).default("no"),
    env("monitor_echo", Kind::Bool).default("no"),
    env("lib_deps", Kind::List).old(&["lib_use", "lib_force", "lib_install"]),
    env("lib_ignore", Kind::List),
    env("lib_extra_dirs", Kind::List).variable("PLATFORMIO_LIB_EXTRA_DIRS"),
    env("lib_archive", Kind::Bool).default("yes"),
    env("check_tool", Kind::List).default("cppcheck"),
    env("check_src_filters", Kind::List).old(&["check_patterns"]),
    env("check_flags", Kind::List),
    env("check_severity", Kind::List).default("low\nmedium\nhigh"),
    env("check_skip_packages", Kind::Bool).default("no"),
    env("test_filter", Kind::List),
    env("test_ignore", Kind::List),
    env("test_speed", Kind::Int).default("115200"),
    env("test_build_src", Kind::Bool)
        .old(&["test_build_project_src"])
        .default("no"),
    env("test_testing_command", Kind::List),
    env("debug_build_flags", Kind::List).default("-Og\n-g2\n-ggdb2"),
    env("debug_init_cmds", Kind::List),
    env("debug_extra_cmds", Kind::List),
    env("debug_load_cmds", Kind::List)
        .old(&["debug_load_cmd"])
        .default("load"),
    env("debug_server", Kind::List),
    env("extends", Kind::List),
    env("extra_scripts", Kind::List)
        .variable("PLATFORMIO_EXTRA_SCRIPTS")
        .old(&["extra_script"]),
];

/// Whether PlatformIO takes notice of `option` in `section`. Sections of other names may hold anything.
///
/// Source: `ProjectConfig._maintain_renamed_options`, which names those that it ignores.
pub(super) fn is_known(section: &str, option: &str) -> bool {
    match scope(section) {
        "platformio" => facts(section, option).is_some(),
        "env" => {
            option.starts_with("custom_")
                || option.starts_with("board_")
                || facts(section, option).is_some()
        }
        _ => true,
    }
}

/// All options of `section` by their names of today.
pub(super) fn names(section: &str) -> impl Iterator<Item = &'static OptionFacts> {
    let scope = scope(section).to_owned();
    OPTIONS.iter().filter(move |facts| facts.scope == scope)
}

/// `platformio` or `env`: what a section's options are looked up under.
fn scope(section: &str) -> &str {
    section.split(':').next().unwrap_or(section)
}

/// What is known about `option` in `section`, also by an old name.
pub(super) fn facts(section: &str, option: &str) -> Option<&'static OptionFacts> {
    let scope = scope(section);
    let mut known = OPTIONS.iter().filter(|facts| facts.scope == scope);
    known
        .clone()
        .find(|facts| facts.name == option)
        .or_else(|| known.find(|facts| facts.old_names.contains(&option)))
}

/// Options of `section` that a variable can override.
pub(super) fn overridable(section: &str) -> impl Iterator<Item = &'static OptionFacts> {
    let scope = scope(section).to_owned();
    OPTIONS
        .iter()
        .filter(move |facts| facts.scope == scope && facts.variable.is_some())
}
