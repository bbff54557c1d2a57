//! End to end: the real binary against a simulated board, and tools that others wrote.

#![allow(clippy::unwrap_used, clippy::print_stdout, clippy::disallowed_methods)] // all of this is test code

mod avr;
mod bench;
mod boot_slot;
mod boundaries;
mod chips;
mod circles;
mod codes;
mod decode;
#[cfg(unix)] // its commands are lines of a shell
mod documents;
mod esp8266;
#[cfg(unix)] // it opens ptys
mod esptool;
mod example;
mod failures;
mod faults;
mod firmware;
mod genuine;
mod harness;
mod in_place;
mod intel_hex;
mod kconfig;
mod laws;
mod lsp_client;
mod main_job;
mod memory;
mod mock_board;
mod monitor;
mod native_usb;
mod old_images;
mod one_bit;
mod over_the_air;
mod platformio;
#[cfg(target_os = "linux")] // qemu-user
mod plugin;
mod predictions;
mod rates;
mod remote_port;
mod reports;
mod requests;
mod rom;
mod security;
mod sources;
mod starts;
mod table_change;
#[cfg(unix)] // its programs are scripts
mod usb_boards;
