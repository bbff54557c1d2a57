//! What a board that does not answer is doing instead, read from what it prints at reset.
//!
//! Patterns: recording `boot-logs.jsonl` (ESP32 rev 3, C3, S3 ROMs), esptool's documentation "Boot
//! Mode Selection" and "Troubleshooting".

use std::fmt;

/// Conclusion drawn from what came over the line while no loader answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootState {
    /// Not one byte.
    Silent,
    /// The chip started its firmware: the boot pin was not low at reset.
    NormalBoot {
        /// Strapping value as printed, `0x13`.
        mode: String,
    },
    /// The chip is in download mode but does not hear the host.
    DownloadModeButDeaf,
    /// Nothing valid at the boot loader's offset, and the boot pin was not low.
    InvalidHeader {
        /// First word found there, as printed.
        word: String,
    },
    /// The flash chip does not answer the boot ROM.
    FlashReadError,
    /// The boot loader in flash is damaged, and the chip sits in its ROM console.
    BootloaderDamaged,
    /// The supply voltage collapsed.
    Brownout,
    /// A program crashed.
    Panic,
    /// Bytes that are not text: wrong baud rate, another crystal, or a floating line.
    Garbage,
    /// Text that says nothing known; its end.
    Other {
        /// Last printed characters.
        tail: String,
    },
}

impl fmt::Display for BootState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Silent => f.write_str("the board sent nothing at all"),
            Self::NormalBoot { mode } => {
                write!(
                    f,
                    "wrong boot mode ({mode}): the board started its firmware"
                )
            }
            Self::DownloadModeButDeaf => {
                f.write_str("the board is in download mode but receives nothing from the host")
            }
            Self::InvalidHeader { word } => write!(
                f,
                "wrong boot mode: the board tried to boot and found no boot loader in flash \
                 (header {word})"
            ),
            Self::FlashReadError => f.write_str("the board cannot read its flash chip"),
            Self::BootloaderDamaged => f.write_str(
                "the board found a damaged boot loader in flash and is not in download mode",
            ),
            Self::Brownout => f.write_str("the board browned out: its supply is too weak"),
            Self::Panic => f.write_str("the program on the board crashed"),
            Self::Garbage => f.write_str(
                "the board sends bytes that are not text (another baud rate, a 26 MHz crystal, or a \
                 floating line)",
            ),
            Self::Other { tail } => write!(f, "the board printed \"{tail}\""),
        }
    }
}

impl BootState {
    /// What a person can do about it.
    pub fn remedy(&self) -> &'static str {
        match self {
            Self::Silent => {
                "check that this is the board's port and that it has power; hold BOOT, tap EN \
                 (RESET), release BOOT, and deploy again"
            }
            Self::NormalBoot { .. } | Self::InvalidHeader { .. } | Self::BootloaderDamaged => {
                "hold BOOT, tap EN (RESET), release BOOT, and deploy again; if that helps, the \
                 board's auto-reset circuit does not work"
            }
            Self::DownloadModeButDeaf => {
                "check the wire from the adapter's TX to the chip's RX, and that nothing else \
                 drives it"
            }
            Self::FlashReadError => {
                "check the flash chip's wiring and voltage (strapping pin GPIO12 on the ESP32)"
            }
            Self::Brownout => "use a shorter USB cable or a stronger supply",
            Self::Panic => "press reset and deploy again; if it persists, lower the baud rate",
            Self::Garbage => {
                "press reset and deploy again with a fixed baud rate of 115200; on a board with a \
                 26 MHz crystal the log runs at about 74880 baud"
            }
            Self::Other { .. } => "reset the board and deploy again",
        }
    }
}

/// Reads a boot log. Any bytes will do.
pub fn interpret(bytes: &[u8]) -> BootState {
    if bytes.is_empty() {
        return BootState::Silent;
    }
    if !mostly_text(bytes) {
        return BootState::Garbage;
    }
    let text = String::from_utf8_lossy(bytes);
    let has = |needle: &str| text.contains(needle);
    // Causes first, symptoms after: a brownout also prints a boot line.
    if has("Brownout detector was triggered") || has("BROWN_OUT") {
        return BootState::Brownout;
    }
    if has("waiting for download") || has("wait uart0 download") || has("(UART_BOOT(UART0))") {
        return BootState::DownloadModeButDeaf;
    }
    if has("flash read err") {
        return BootState::FlashReadError;
    }
    if has("csum err") || has("Checksum failure") {
        return BootState::BootloaderDamaged;
    }
    if let Some((_, rest)) = text.split_once("invalid header: ") {
        return BootState::InvalidHeader {
            word: leading_token(rest),
        };
    }
    if has("Guru Meditation Error") || has("Fatal exception") {
        return BootState::Panic;
    }
    if let Some((_, rest)) = text.rsplit_once("boot:0x") {
        return BootState::NormalBoot {
            mode: format!("0x{}", leading_token(rest)),
        };
    }
    let tail: Vec<char> = text
        .trim_end()
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let tail = tail[tail.len().saturating_sub(60)..].iter().collect();
    BootState::Other { tail }
}

fn mostly_text(bytes: &[u8]) -> bool {
    let text = bytes
        .iter()
        .filter(|b| matches!(b, b'\r' | b'\n' | b'\t' | 0x20..0x7F))
        .count();
    text * 4 >= bytes.len() * 3
}

fn leading_token(text: &str) -> String {
    text.chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(10)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(log: &str, expected: &str) {
        assert_eq!(interpret(log.as_bytes()).to_string(), expected, "{log:?}");
    }

    #[test]
    fn logs_of_genuine_roms_are_understood() {
        // Texts from recording boot-logs.jsonl.
        check("", "the board sent nothing at all");
        check(
            "ets Jul 29 2019 12:21:46\r\n\r\nrst:0x1 (POWERON_RESET),boot:0x13 (SPI_FAST_FLASH_BOOT)\r\n",
            "wrong boot mode (0x13): the board started its firmware",
        );
        check(
            "rst:0x1 (POWERON),boot:0xc (SPI_FAST_FLASH_BOOT)\r\ninvalid header: 0xffffffff\r\ninvalid header: 0xfff",
            "wrong boot mode: the board tried to boot and found no boot loader in flash (header 0xffffffff)",
        );
        check(
            "rst:0x1 (POWERON),boot:0x4 (DOWNLOAD(USB/UART0/1))\r\nwaiting for download\r\n",
            "the board is in download mode but receives nothing from the host",
        );
        check(
            "rst:0x1 (POWERON_RESET),boot:0xf (UART_BOOT(UART0))\r\n",
            "the board is in download mode but receives nothing from the host",
        );
        check(
            "csum err:0x04!=0x51\r\nFalling back to built-in command interpreter.\r\nOK\r\n>",
            "the board found a damaged boot loader in flash and is not in download mode",
        );
    }

    #[test]
    fn garbage_is_called_garbage() {
        assert_eq!(
            interpret(&[0x00, 0xFF, 0x80, 0x81, 0xFE, 0x41]),
            BootState::Garbage
        );
        assert_eq!(
            interpret(b"hello from the app\r\n"),
            BootState::Other {
                tail: "hello from the app".into()
            }
        );
    }
}
