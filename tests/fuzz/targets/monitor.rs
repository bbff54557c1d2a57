//! Any bytes as what a board prints: however they are cut, the same crashes; every crash is looked up in a real program,
//! or in the bytes themselves as an ELF file. The first byte selects.
#![no_main]

use std::time::Duration;

use fbuild_monitor::elf::{Choice, Elf, choose};
use fbuild_monitor::line::Lines;
use fbuild_monitor::text::for_terminal;
use fbuild_monitor::trace::trace;
use fbuild_monitor::watch::{Event, Watch};
use libfuzzer_sys::fuzz_target;

const CRASH: &[u8] = include_bytes!("../../panics/text-elf/rover-og-02.txt");

fn events(bytes: &[u8], piece: usize) -> Vec<Event> {
    let (mut lines, mut watch) = (Lines::default(), Watch::default());
    let mut events = Vec::new();
    for piece in bytes.chunks(piece) {
        for line in lines.feed(piece, Duration::ZERO) {
            let _ = for_terminal(&line.text, true);
            events.extend(watch.feed(&line));
        }
    }
    if let Some(line) = lines.finish() {
        events.extend(watch.feed(&line));
    }
    events.extend(watch.finish());
    events
}

thread_local! {
    // Read once: the debug information of each is kept for the next input.
    static PROGRAMS: Vec<Elf> = {
        let elfs: [&[u8]; 3] = [
            include_bytes!("../../panics/elf/rover-og.elf"),
            include_bytes!("../../panics/elf/thermo-o2.elf"),
            include_bytes!("../../panics/elf/relay-og.elf"),
        ];
        elfs.iter().map(|elf| Elf::new("program".to_owned(), elf.to_vec())).collect()
    };
}

fuzz_target!(|data: &[u8]| {
    let Some((&select, bytes)) = data.split_first() else {
        return;
    };
    if select % 2 == 0 {
        let whole = events(bytes, bytes.len().max(1));
        assert_eq!(whole, events(bytes, 3));
        for event in whole {
            if let Event::Crash(crash) = event {
                PROGRAMS.with(|programs| trace(&crash, &choose(&crash, programs)));
            }
        }
    } else {
        let elf = Elf::new("bytes".to_owned(), bytes.to_vec());
        for event in events(CRASH, 64) {
            if let Event::Crash(crash) = event {
                let _ = trace(&crash, &Choice::Unverified(&elf));
            }
        }
    }
});
