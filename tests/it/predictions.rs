//! A plan's expected time against what the simulated board then takes, on every rebuild pair and
//! link that the benchmark uses. The board's clock is accounted, so the result does not depend on
//! this machine.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::event::{Event, Phase};
use fbuild_deploy::request::{Baud, Request};
use fbuild_link::memory::{Device as _, MemoryLink, Time};
use fbuild_link::{ESPRESSIF_VID, Link, USB_SERIAL_JTAG_PID, UsbId};
use fbuild_loader::cancel::CancelToken;
use fbuild_project::target::Target;
use fbuild_sim::{Board, Connection, Timing};

use crate::harness;

const APP_OFFSET: u32 = 0x1_0000;

/// A way between host and board.
#[derive(Clone, Copy)]
struct Way {
    name: &'static str,
    timing: fn() -> Timing,
    connection: Connection,
    baud: Baud,
}

const WAYS: [Way; 4] = [
    Way {
        name: "921600",
        timing: Timing::cp2102n,
        connection: Connection::Bridge,
        baud: Baud::Fixed(921_600),
    },
    Way {
        name: "auto",
        timing: Timing::cp2102n,
        connection: Connection::Bridge,
        baud: Baud::Auto,
    },
    Way {
        name: "115200",
        timing: Timing::cp2102n,
        connection: Connection::Bridge,
        baud: Baud::Fixed(115_200),
    },
    Way {
        name: "USB-Serial/JTAG",
        timing: Timing::serial_jtag,
        connection: Connection::SerialJtag,
        baud: Baud::Auto,
    },
];

struct Row {
    name: &'static str,
    chip: Chip,
    old: Option<&'static str>,
    new: &'static str,
}

const ROWS: [Row; 6] = [
    row(
        "string",
        Chip::Esp32,
        Some("firmware/micropython-0831-app.bin"),
        "pairs/mp-a-string.bin",
    ),
    row(
        "scattered",
        Chip::Esp32,
        Some("firmware/micropython-0831-app.bin"),
        "pairs/mp-b-scattered.bin",
    ),
    row(
        "relocated",
        Chip::Esp32,
        Some("firmware/micropython-0831-app.bin"),
        "pairs/mp-c2-insert16-relocated.bin",
    ),
    row(
        "upgrade",
        Chip::Esp32,
        Some("firmware/micropython-0608-app.bin"),
        "firmware/micropython-0831-app.bin",
    ),
    row(
        "blank",
        Chip::Esp32,
        None,
        "firmware/micropython-0831-app.bin",
    ),
    row("S3", Chip::Esp32S3, None, "firmware/esp32s3-app.bin"),
];

const fn row(name: &'static str, chip: Chip, old: Option<&'static str>, new: &'static str) -> Row {
    Row {
        name,
        chip,
        old,
        new,
    }
}

/// Expected and real time from the plan to the last proof.
fn measure(fixtures: &Path, row: &Row, way: Way) -> (Duration, Duration) {
    let mut contents = vec![0xFF; 4 << 20];
    if let Some(old) = row.old {
        let old = std::fs::read(fixtures.join(old)).unwrap();
        contents[APP_OFFSET as usize..][..old.len()].copy_from_slice(&old);
    }
    let board = Board::builder(row.chip)
        .flash_contents(contents)
        .connection(way.connection)
        .timing((way.timing)())
        .build()
        .unwrap();
    let board = Arc::new(Mutex::new(board));
    let target = Target::from_files(&[(APP_OFFSET, fixtures.join(row.new))]).unwrap();
    let request = Request {
        baud: way.baud,
        ..Request::new(target, "sim:")
    };
    let mut open = || {
        let mut link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        if way.connection == Connection::SerialJtag {
            link = link.with_usb_id(UsbId {
                vid: ESPRESSIF_VID,
                pid: USB_SERIAL_JTAG_PID,
                ..UsbId::default()
            });
        }
        Ok(Box::new(link) as Box<dyn Link>)
    };
    let now = || board.lock().unwrap().time();
    let (mut expected, mut planned, mut proved) = (None, None, None);
    let report = deploy(
        &request,
        &mut open,
        &mut |event| match event {
            Event::Planned(plan) => (expected, planned) = (Some(plan.predicted), Some(now())),
            Event::Progress {
                phase: Phase::Check,
                ..
            } => proved = Some(now()),
            _ => {}
        },
        &CancelToken::new(),
    );
    assert!(report.error.is_none(), "{}: {:?}", way.name, report.error);
    (
        expected.unwrap(),
        proved.unwrap().saturating_sub(planned.unwrap()),
    )
}

#[test]
fn predictions_lie_within_a_quarter() {
    let Some(fixtures) = harness::shared("predictions") else {
        return;
    };
    let mut wrong = Vec::new();
    for row in &ROWS {
        for way in WAYS {
            // The ESP32 has no USB of its own.
            if way.connection == Connection::SerialJtag && row.chip == Chip::Esp32 {
                continue;
            }
            let (expected, real) = measure(&fixtures, row, way);
            let ratio = expected.as_secs_f64() / real.as_secs_f64();
            println!(
                "{:>10} {:>16}: expected {expected:?}, real {real:?}, {ratio:.2}",
                row.name, way.name
            );
            if !(0.8..=1.25).contains(&ratio) {
                wrong.push(format!("{} at {}: {ratio:.2}", row.name, way.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:?}");
}
