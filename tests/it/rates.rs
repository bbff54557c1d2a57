//! The automatic baud rate on a link that carries only so much.

use std::io;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use fbuild_chip::Chip;
use fbuild_deploy::deploy::deploy;
use fbuild_deploy::outcome::OutcomeKind;
use fbuild_deploy::rates::{Adapter, RateMemory};
use fbuild_deploy::request::{Baud, Mode, Request};
use fbuild_link::memory::{MemoryLink, Time};
use fbuild_link::{ESPRESSIF_VID, Lines, LinesReach, Link, UsbId};
use fbuild_loader::cancel::CancelToken;
use fbuild_project::discover::{Environment, discover};
use fbuild_sim::timing::Timing;
use fbuild_sim::{Board, State};

use crate::firmware::{Build, image_of_sectors};
use crate::harness::root;

/// An adapter or a cable that turns a bit of every block it carries faster than `max_baud`. Small
/// exchanges pass: only full blocks show that something is wrong.
struct Limited {
    inner: MemoryLink<Board>,
    baud: u32,
    max_baud: u32,
    /// The driver refuses higher rates, as those of Windows and macOS do.
    driver_max_baud: u32,
    highest: Arc<Mutex<u32>>,
}

impl Limited {
    /// Without limits yet.
    fn over(inner: MemoryLink<Board>, highest: &Arc<Mutex<u32>>) -> Self {
        Self {
            inner,
            baud: 115_200,
            max_baud: u32::MAX,
            driver_max_baud: u32::MAX,
            highest: Arc::clone(highest),
        }
    }
}

impl Link for Limited {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn read(&mut self, buffer: &mut [u8], timeout: Duration) -> io::Result<usize> {
        let n = self.inner.read(buffer, timeout)?;
        if self.baud > self.max_baud && n > 512 {
            buffer[n / 2] ^= 0x10;
        }
        Ok(n)
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut bytes = bytes.to_vec();
        if self.baud > self.max_baud && bytes.len() > 512 {
            let middle = bytes.len() / 2;
            bytes[middle] = 0xC0;
        }
        self.inner.write(&bytes)
    }

    fn discard_input(&mut self) -> io::Result<()> {
        self.inner.discard_input()
    }

    fn set_baud(&mut self, baud: u32) -> io::Result<()> {
        if baud > self.driver_max_baud {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        self.baud = baud;
        let mut highest = self.highest.lock().unwrap();
        *highest = (*highest).max(baud);
        self.inner.set_baud(baud)
    }

    fn set_lines(&mut self, lines: Lines) -> io::Result<LinesReach> {
        self.inner.set_lines(lines)
    }

    fn usb_id(&self) -> Option<&UsbId> {
        self.inner.usb_id()
    }

    fn pause(&mut self, duration: Duration) {
        self.inner.pause(duration);
    }

    fn now(&self) -> Duration {
        self.inner.now()
    }
}

fn example() -> Request {
    let target = discover(&root().join("tests/example"), &Environment::from_pairs([]))
        .default_target()
        .unwrap()
        .clone();
    Request::new(target, "sim:")
}

#[test]
fn the_fastest_rate_that_carries_full_blocks_is_found_and_remembered() {
    let folder = tempfile::tempdir().unwrap();
    let memory = folder.path().join("rates.json");
    let usb_id = UsbId {
        vid: 0x10C4,
        pid: 0xEA60,
        serial_number: Some("0001".to_owned()),
        product: None,
    };
    let request = Request {
        mode: Mode::Full,
        rate_memory: Some(memory.clone()),
        ..example()
    };
    let board = Board::builder(Chip::Esp32).build().unwrap();
    let board = Arc::new(Mutex::new(board));
    let deploy_once = || {
        let highest = Arc::new(Mutex::new(0));
        let mut open = || {
            let inner = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted)
                .with_usb_id(usb_id.clone());
            let link = Limited {
                max_baud: 1_500_000,
                ..Limited::over(inner, &highest)
            };
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
        assert_eq!(report.outcome, OutcomeKind::FullFlash, "{report:#?}");
        Arc::into_inner(highest).unwrap().into_inner().unwrap()
    };
    assert!(deploy_once() > 1_500_000, "the limit was never looked for");
    let known = RateMemory::new(Some(&memory), Some(&usb_id)).recall();
    let expected = Adapter {
        works: Some(1_500_000),
        fails: Some(2_000_000),
        good_since: 1,
    };
    assert_eq!(known, expected);
    assert_eq!(deploy_once(), 1_500_000, "what is known is not tried again");
}

/// What an adapter does not carry is not tried, and not warned of, at each deploy again.
#[test]
fn a_rate_below_the_usual_one_is_remembered() {
    for (max_baud, driver_max_baud) in [(460_800, u32::MAX), (u32::MAX, 460_800)] {
        let folder = tempfile::tempdir().unwrap();
        let usb_id = UsbId {
            vid: 0x1A86,
            pid: 0x7523,
            ..UsbId::default()
        };
        let request = Request {
            mode: Mode::Full,
            rate_memory: Some(folder.path().join("rates.json")),
            ..example()
        };
        let board = Arc::new(Mutex::new(Board::builder(Chip::Esp32).build().unwrap()));
        let highest_and_warnings = || {
            let highest = Arc::new(Mutex::new(0));
            let mut open = || {
                let inner = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted)
                    .with_usb_id(usb_id.clone());
                let link = Limited {
                    max_baud,
                    driver_max_baud,
                    ..Limited::over(inner, &highest)
                };
                Ok(Box::new(link) as Box<dyn Link>)
            };
            let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
            assert!(report.error.is_none(), "{report:#?}");
            let highest = *highest.lock().unwrap();
            (highest, report.warnings)
        };
        highest_and_warnings();
        for _ in 0..2 {
            assert_eq!(highest_and_warnings(), (460_800, vec![]));
        }
    }
}

/// The chip's own USB behind something that hides its id: an answer that took less than its bits
/// shows that none are clocked.
#[test]
fn a_link_that_outruns_its_bits_is_not_asked_for_a_rate() {
    // The last one is a serial port behind TCP, where nobody can raise the rate.
    for (name, timing, highest_baud) in [
        ("sim:", Timing::serial_jtag(), 0),
        ("sim:", Timing::cp2102n(), 3_000_000),
        ("socket://", Timing::cp2102n(), 0),
    ] {
        let board = Board::builder(Chip::Esp32).timing(timing).build().unwrap();
        let board = Arc::new(Mutex::new(board));
        let highest = Arc::new(Mutex::new(0));
        let mut open = || {
            let link = Limited::over(
                MemoryLink::new(name, Arc::clone(&board), Time::Accounted),
                &highest,
            );
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let report = deploy(&example(), &mut open, &mut |_| {}, &CancelToken::new());
        assert_eq!(report.outcome, OutcomeKind::FullFlash, "{report:#?}");
        assert_eq!(*highest.lock().unwrap(), highest_baud);
        // What the wire carries at 115200 baud is worth compressing; blank flash behind the chip's
        // USB takes it faster as it is.
        let app = report.regions.iter().max_by_key(|region| region.len_bytes);
        let app = app.unwrap();
        let is_compressed = app.sent_bytes < u64::from(app.len_bytes);
        assert_eq!(is_compressed, timing == Timing::cp2102n(), "{app:?}");
    }
}

#[test]
fn a_rate_that_the_driver_refuses_is_given_up() {
    let board = Board::builder(Chip::Esp32).build().unwrap();
    let board = Arc::new(Mutex::new(board));
    let deploy_at = |baud| {
        let highest = Arc::new(Mutex::new(0));
        let mut open = || {
            let link = Limited {
                driver_max_baud: 460_800,
                ..Limited::over(
                    MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted),
                    &highest,
                )
            };
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let request = Request {
            baud,
            mode: Mode::Full,
            ..example()
        };
        let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
        let highest = *highest.lock().unwrap();
        (report, highest)
    };
    let (report, highest) = deploy_at(Baud::Auto);
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{report:#?}");
    assert_eq!(highest, 460_800);
    let (report, _) = deploy_at(Baud::Fixed(921_600));
    let error = report.error.unwrap();
    assert_eq!(error.code, "baud-rate", "{error:?}");
    assert!(
        error.what.contains("sim: does not support 921600 baud"),
        "{error:?}"
    );
    let state = board.lock().unwrap().state();
    assert!(matches!(state, State::Firmware { .. }), "{state:?}");
}

/// Espressif sells bridges, too: a UART lies behind them, and its rate counts.
#[test]
fn a_bridge_of_espressif_is_a_bridge() {
    for (pid, chip, highest_baud) in [
        (0x1002, Chip::Esp32S3, 3_000_000),
        (0x0009, Chip::Esp32S3, 0),
        (0x0009, Chip::Esp32, 3_000_000),
    ] {
        let board = Board::builder(chip).build().unwrap();
        let board = Arc::new(Mutex::new(board));
        let highest = Arc::new(Mutex::new(0));
        let usb_id = UsbId {
            vid: ESPRESSIF_VID,
            pid,
            ..UsbId::default()
        };
        let mut open = || {
            let inner = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted)
                .with_usb_id(usb_id.clone());
            let link = Limited::over(inner, &highest);
            Ok(Box::new(link) as Box<dyn Link>)
        };
        let build = Build::new(&[(0x1_0000, image_of_sectors(chip, 1, 200))]);
        let report = deploy(
            &build.request(),
            &mut open,
            &mut |_| {},
            &CancelToken::new(),
        );
        assert_eq!(report.outcome, OutcomeKind::FullFlash, "{report:#?}");
        assert_eq!(*highest.lock().unwrap(), highest_baud, "{pid:#x} {chip}");
    }
}

/// What a failure advises: a block of 16 KiB takes 17 s here, longer than any loader may take to answer.
#[test]
fn a_low_rate_is_given_the_time_that_its_bits_take() {
    let board = Board::builder(Chip::Esp32).build().unwrap();
    let board = Arc::new(Mutex::new(board));
    let mut open = || {
        let link = MemoryLink::new("sim:", Arc::clone(&board), Time::Accounted);
        Ok(Box::new(link) as Box<dyn Link>)
    };
    let request = Request {
        baud: Baud::Fixed(9600),
        ..example()
    };
    let report = deploy(&request, &mut open, &mut |_| {}, &CancelToken::new());
    assert_eq!(report.outcome, OutcomeKind::FullFlash, "{report:#?}");
}
