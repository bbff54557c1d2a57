//! Any text as each of the small formats: sdkconfig, flasher_args.json, esptool's output, boot logs, Intel HEX.
#![no_main]

use fbuild_project::discover::flasher_args::FlasherArgs;
use fbuild_project::discover::glob;
use fbuild_project::intel_hex;
use fbuild_project::discover::sdkconfig::{SdkConfig, SdkConfigText};
use fbuild_deploy::esptool::fault::{fault, is_mismatch};
use fbuild_deploy::esptool::output::{Lines, Said};
use fbuild_deploy::esptool::version::Version;
use fbuild_project::partitions::csv::{ExtraSubtype, IdfVersion};
use fbuild_loader::boot_log;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Some((&format, bytes)) = data.split_first() else {
        return;
    };
    let text = String::from_utf8_lossy(bytes);
    let inside = |span: &std::ops::Range<usize>| assert!(text.get(span.clone()).is_some(), "{span:?}");
    match format % 6 {
        0 => {
            let read = SdkConfigText::parse(&text);
            for entry in &read.entries {
                inside(&entry.name_span);
                inside(&entry.value_span);
                inside(&entry.span);
            }
            read.faults.iter().for_each(inside);
            let config = SdkConfig::parse(&text);
            for entry in &read.entries {
                let _ = (config.get(&entry.name), config.is_set(&entry.name), config.hex(&entry.name));
            }
        }
        1 => {
            let read = FlasherArgs::parse(&text);
            for fault in &read.faults {
                inside(&fault.span);
            }
            for file in &read.files {
                inside(&file.offset.span);
                inside(&file.file_span);
                let _ = file.offset_bytes();
            }
            for named in &read.named {
                inside(&named.name.span);
            }
        }
        2 => {
            // However the output is cut, the lines are the same.
            let mut whole = Lines::default();
            let mut lines = whole.feed(bytes);
            lines.extend(whole.finish());
            let mut cut = Lines::default();
            let mut pieces = Vec::new();
            for piece in bytes.chunks(3) {
                pieces.extend(cut.feed(piece));
            }
            pieces.extend(cut.finish());
            assert_eq!(lines, pieces);
            for line in &lines {
                let _ = (Said::from_line(line), Version::from_line(line));
            }
            let _ = (fault(&lines, "with 1", "/dev/tty", "app"), is_mismatch(&lines));
        }
        3 => {
            let _ = (boot_log::interpret(bytes), ExtraSubtype::parse(&text), IdfVersion::find(&text));
        }
        4 => {
            const LIMIT: u32 = 0x8000;
            if let Ok(content) = intel_hex::read(bytes, 0..LIMIT) {
                assert!(content.bytes.len() <= LIMIT as usize);
            }
        }
        _ => {
            let (pattern, name) = text.split_once('\n').unwrap_or((&text, ""));
            let _ = glob::matches(pattern, name);
        }
    }
});
