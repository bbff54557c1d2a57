//! What chips print on their serial line when they are reset. Texts from
//! `tests/recordings/boot-logs.jsonl` (ESP32, C3, S3) and esptool's documentation; those of the other
//! chips' first lines are common knowledge and were not recorded.

use std::fmt::Write;

use fbuild_chip::Chip;

use super::{Boot, Image, ImageFault};

/// Why the chip starts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cause {
    /// Power or EN.
    PowerOn,
    /// The ROM itself, after FLASH_END.
    Software,
    /// The RTC watchdog.
    Watchdog,
    /// A program that has crashed.
    Crash,
    /// The USB-Serial/JTAG peripheral.
    UsbSerialJtag,
}

/// Strapping that the boot line shows in download mode, unless another was set.
pub(crate) fn usual_strapping(chip: Chip) -> u32 {
    match chip {
        Chip::Esp32 => 0x03,
        Chip::Esp32S2 | Chip::Esp32S3 => 0x00,
        _ => 0x04,
    }
}

/// The lines up to the loader.
pub(crate) fn download(chip: Chip, cause: Cause, strapping: u32) -> String {
    if chip == Chip::Esp8266 {
        return esp8266_banner(cause, "1,6");
    }
    let (mode, waiting) = match (chip, strapping) {
        (Chip::Esp32, 0x0F) => ("UART_BOOT(UART0)", ""),
        (Chip::Esp32, _) => (
            "DOWNLOAD_BOOT(UART0/UART1/SDIO_REI_REO_V2)",
            "waiting for download\r\n",
        ),
        (Chip::Esp32C3, 0x02) | (Chip::Esp32S3, 0x07) => ("UART0_BOOT", "wait uart0 download\r\n"),
        (Chip::Esp32C3, _) => ("DOWNLOAD(USB/UART0/1)", "waiting for download\r\n"),
        _ => ("DOWNLOAD(USB/UART0)", "waiting for download\r\n"),
    };
    format!("{}{waiting}", banner(chip, cause, strapping, mode))
}

/// The lines of a boot from flash, and what the ROM then repeats for ever, if anything.
pub(crate) fn flash_boot(chip: Chip, cause: Cause, boot: &Boot) -> (String, Option<String>) {
    if chip == Chip::Esp8266 {
        return (esp8266_flash_boot(cause, boot), None);
    }
    let strapping = if chip == Chip::Esp32 { 0x13 } else { 0x08 };
    let mut text = banner(chip, cause, strapping, "SPI_FAST_FLASH_BOOT");
    match &boot.bootloader {
        Err(ImageFault::Header(word)) => {
            return (text, Some(format!("invalid header: 0x{word:08x}\r\n")));
        }
        Err(ImageFault::CutOff | ImageFault::Digest) => text.push_str("flash read err, 1000\r\n"),
        Err(ImageFault::Checksum {
            image,
            calculated,
            stored,
        }) => {
            load_lines(chip, image, &mut text);
            if chip == Chip::Esp32 {
                let _ = write!(
                    text,
                    "csum err:0x{calculated:02x}!=0x{stored:02x}\r\n\
                     Falling back to built-in command interpreter.\r\nOK\r\n>"
                );
            } else {
                let line = if chip == Chip::Esp32S3 { 329 } else { 333 };
                let _ = write!(
                    text,
                    "Checksum failure. Calculated 0x{calculated:02x} stored 0x{stored:02x}\r\n\
                     ets_main.c {line} \r\n"
                );
            }
        }
        Ok(image) => {
            load_lines(chip, image, &mut text);
            let _ = write!(text, "entry 0x{:08x}\r\n", image.entry);
            match boot.app {
                Ok(offset) => {
                    let _ = write!(
                        text,
                        "I (31) boot: Loaded app from partition at offset 0x{offset:x}\r\n"
                    );
                }
                Err(super::BootFailure::NoPartitionTable) => {
                    text.push_str("E (31) boot: load partition table error!\r\n");
                }
                Err(_) => {
                    text.push_str(
                        "E (31) boot: No bootable app partitions in the partition table\r\n",
                    );
                }
            }
        }
    }
    (text, None)
}

/// As `tests/panics/text/esp8266-*` have it of genuine boards, without the checksums; what is printed
/// where nothing can start was not recorded.
fn esp8266_flash_boot(cause: Cause, boot: &Boot) -> String {
    let mut text = esp8266_banner(cause, "3,6");
    let (Ok(image) | Err(ImageFault::Checksum { image, .. })) = &boot.bootloader else {
        return text;
    };
    // It reads 16 bytes at a time, the segments' headers of 8 bytes included.
    let mut room = 16;
    for (address, len) in &image.segments {
        let tail = len.saturating_sub(room) % 16;
        let _ = write!(
            text,
            "load 0x{address:08x}, len {len}, room {room} \r\ntail {tail}\r\n"
        );
        room = 16 - (tail + 8) % 16;
    }
    text
}

fn esp8266_banner(cause: Cause, boot_mode: &str) -> String {
    // Numbers of the causes: ESP8266 documentation, "Reset Causes and Common Fatal Exception Causes".
    let cause = match cause {
        Cause::Watchdog => 4,
        _ => 2,
    };
    format!("\r\n ets Jan  8 2013,rst cause:{cause}, boot mode:({boot_mode})\r\n\r\n")
}

fn load_lines(chip: Chip, image: &Image, text: &mut String) {
    if chip == Chip::Esp32 {
        text.push_str(
            "configsip: 0, SPIWP:0xee\r\n\
             clk_drv:0x00,q_drv:0x00,d_drv:0x00,cs0_drv:0x00,hd_drv:0x00,wp_drv:0x00\r\n",
        );
    } else {
        text.push_str("SPIWP:0xee\r\n");
    }
    let mode = ["QIO", "QOUT", "DIO", "DOUT"]
        .get(usize::from(image.flash_mode))
        .unwrap_or(&"DIO");
    let divider = match image.flash_size_and_frequency & 0xF {
        0xF => 1,
        nibble => u32::from(nibble) + 2,
    };
    let _ = write!(text, "mode:{mode}, clock div:{divider}\r\n");
    for (address, len) in &image.segments {
        let _ = if chip == Chip::Esp32 {
            write!(text, "load:0x{address:08x},len:{len}\r\n")
        } else {
            write!(text, "load:0x{address:08x},len:0x{len:x}\r\n")
        };
    }
}

fn banner(chip: Chip, cause: Cause, strapping: u32, mode: &str) -> String {
    let first = match chip {
        Chip::Esp32 => "ets Jul 29 2019 12:21:46\r\n\r\n",
        Chip::Esp32S2 => "ESP-ROM:esp32s2-rc4-20191025\r\nBuild:Oct 25 2019\r\n",
        Chip::Esp32S3 => "ESP-ROM:esp32s3-20210327\r\nBuild:Mar 27 2021\r\n",
        Chip::Esp32C2 => "ESP-ROM:esp8684-api2-20220127\r\nBuild:Jan 27 2022\r\n",
        Chip::Esp32C3 => "ESP-ROM:esp32c3-api1-20210207\r\nBuild:Feb  7 2021\r\n",
        Chip::Esp32C6 => "ESP-ROM:esp32c6-20220919\r\nBuild:Sep 19 2022\r\n",
        Chip::Esp32H2 => "ESP-ROM:esp32h2-20221101\r\nBuild:Nov  1 2022\r\n",
        Chip::Esp32P4 => "ESP-ROM:esp32p4-20230811\r\nBuild:Aug 11 2023\r\n",
        Chip::Esp32C5 => "ESP-ROM:esp32c5\r\n",
        Chip::Esp32C61 => "ESP-ROM:esp32c61\r\n",
        Chip::Esp32H4 => "ESP-ROM:esp32h4\r\n",
        Chip::Esp32S31 => "ESP-ROM:esp32s31\r\n",
        Chip::Esp8266 => "",
    };
    let reason = match (chip, cause) {
        (Chip::Esp32, Cause::PowerOn) => "0x1 (POWERON_RESET)",
        (_, Cause::PowerOn) => "0x1 (POWERON)",
        (Chip::Esp32, Cause::Software) => "0x3 (SW_RESET)",
        (_, Cause::Software) => "0x3 (RTC_SW_SYS_RST)",
        (Chip::Esp32, Cause::Crash) => "0xc (SW_CPU_RESET)",
        (_, Cause::Crash) => "0xc (RTC_SW_CPU_RST)",
        (Chip::Esp32, Cause::Watchdog) => "0x10 (RTCWDT_RTC_RESET)",
        (_, Cause::Watchdog) => "0x10 (RTCWDT_RTC_RST)",
        (_, Cause::UsbSerialJtag) => "0x15 (USB_UART_CHIP_RESET)",
    };
    format!("{first}rst:{reason},boot:0x{strapping:x} ({mode})\r\n")
}
