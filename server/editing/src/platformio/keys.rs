//! The options that decide a deploy, in words.

/// What is known about an option.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) text: &'static str,
    /// Values to offer.
    pub(super) values: &'static [&'static str],
}

const fn key(name: &'static str, text: &'static str, values: &'static [&'static str]) -> Key {
    Key { name, text, values }
}

/// Looks like the option for the size of the flash, and is read by nobody. Source: the builders of
/// `platform-espressif32` 6.13.0 and pioarduino 55.03.311.
pub(super) const DEAD_FLASH_SIZE: &str = "board_build.flash_size";

const FLASH_SIZES: &[&str] = &["2MB", "4MB", "8MB", "16MB", "32MB"];

/// Sources: PlatformIO documentation ("Environment options", "Espressif 32"), and how discovery and
/// deploys of this program use the option.
static KEYS: &[Key] = &[
    key(
        "board",
        "The board: its file says chip, flash size, flash mode and upload speed.",
        &[],
    ),
    key(
        "platform",
        "The development platform, with its version.",
        &[
            "espressif32",
            "https://github.com/pioarduino/platform-espressif32/releases/download/stable/platform-espressif32.zip",
        ],
    ),
    key(
        "framework",
        "What the firmware is written for.",
        &["arduino", "espidf"],
    ),
    key(
        "upload_port",
        "The port to deploy to. Of a pattern (`*`, `?`, `[…]`), PlatformIO takes the first port that \
         matches. An IP address or a name that ends in .local means an update over the network.",
        &[],
    ),
    key(
        "upload_speed",
        "The baud rate to deploy with. A deploy of this program starts with it, and goes lower or \
         higher where the link does not carry it or carries more; fbuild.baud fixes it.",
        &["115200", "230400", "460800", "921600", "1500000", "2000000"],
    ),
    key(
        "upload_protocol",
        "How PlatformIO uploads. This program deploys over the serial line (esptool) or over the air \
         (espota); with another protocol it says that it does not, and does not take upload_port from \
         here.",
        &["esptool", "espota", "esp-builtin", "esp-prog", "custom"],
    ),
    key(
        "upload_flags",
        "More arguments for PlatformIO's uploader. A deploy of this program uses those of espota.py: \
         --port, --host_port, --auth.",
        &[],
    ),
    key(
        "upload_command",
        "A command of the project's own, which PlatformIO uploads by. A deploy of this program does not \
         run it: it writes the images itself, and says so.",
        &[],
    ),
    key("upload_resetmethod", "Not used for ESP32 boards.", &[]),
    key(
        "board_build.partitions",
        "The partition table in CSV form. A table of that name in the framework wins over a file of \
         the project.",
        &[],
    ),
    key(
        "board_build.filesystem",
        "What `pio run -t buildfs` makes of the data directory. Where its image is built, it is a \
         region of the deploy.",
        &["spiffs", "littlefs", "fatfs"],
    ),
    key(
        "board_upload.flash_size",
        "The size of the flash. It is written into the boot loader's header, and the table must end \
         within it.",
        FLASH_SIZES,
    ),
    key(
        DEAD_FLASH_SIZE,
        "Has no effect: neither PlatformIO's nor pioarduino's platform reads it. The size of the \
         flash is board_upload.flash_size.",
        &[],
    ),
    key(
        "board_build.flash_mode",
        "How the flash is read. qio and qout are written into the boot loader's header as dio: the \
         boot ROM cannot start it otherwise.",
        &["dio", "dout", "qio", "qout"],
    ),
    key(
        "board_build.f_flash",
        "The flash's clock.",
        &["40000000L", "80000000L"],
    ),
    key(
        "board_build.mcu",
        "The chip, instead of the one that the board's file says.",
        &[
            "esp32", "esp32s2", "esp32s3", "esp32c2", "esp32c3", "esp32c5", "esp32c6", "esp32h2",
            "esp32p4",
        ],
    ),
    key(
        "board_upload.offset_address",
        "Where the app goes (0x10000) with PlatformIO's own platform, whatever the partition table says. \
         pioarduino looks the slot ota_0 up in the table instead.",
        &["0x10000"],
    ),
    key(
        "monitor_speed",
        "The baud rate of the serial monitor; 9600 by default.",
        &["115200", "9600", "74880", "460800", "921600"],
    ),
    key("monitor_port", "The port of the serial monitor.", &[]),
    key(
        "extends",
        "Sections to inherit from. Options set here win; of several names, the last one wins.",
        &[],
    ),
    key(
        "default_envs",
        "The environments that are built when none is named. A deploy without a target's name \
         takes one of them, too.",
        &[],
    ),
    key(
        "extra_configs",
        "Other files to read, as patterns. What they say replaces what this file says.",
        &[],
    ),
    key(
        "build_dir",
        "Where the builds go; deploys look for firmware there.",
        &[],
    ),
    key(
        "extra_scripts",
        "Scripts of the build. They can change what goes where; `pio run -t idedata` writes down what \
         came out, and deploys use that.",
        &[],
    ),
];

/// What is known about an option, if it matters to a deploy.
pub(super) fn find(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Options for environments that are not options of PlatformIO itself, but of boards.
pub(super) fn of_boards() -> impl Iterator<Item = &'static str> {
    KEYS.iter()
        .map(|key| key.name)
        .filter(|name| name.starts_with("board_") && *name != DEAD_FLASH_SIZE)
}
