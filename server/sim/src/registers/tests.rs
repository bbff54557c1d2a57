use super::*;
use crate::security::Encryption;

fn identity() -> Identity {
    Identity {
        mac: [0x24, 0x0A, 0xC4, 0x00, 0x01, 0x10],
        revision: (3, 0),
        crystal_mhz: 40,
        security: Security::default(),
        strapping: 0x0F,
    }
}

/// Values of recording esp32-a1.
#[test]
fn an_esp32_reads_as_the_recorded_one() {
    let registers = Registers::new(Chip::Esp32, &identity());
    for (address, value) in [
        (0x4000_1000, 0x00F0_1D83),
        (0x3FF5_A00C, 0x0000_8000),
        (0x3FF5_A014, 0x0010_0000),
        (0x3FF6_607C, 0x9604_2000),
        (0x3FF5_A010, 0x0000_0050),
        (0x3FF5_A008, 0x00B9_240A),
        (0x3FF5_A004, 0xC400_0110),
        (0x3FF4_4038, 0x0000_000F),
    ] {
        assert_eq!(registers.read(address, 0), value, "{address:#x}");
    }
    assert_eq!(registers.read(0x3FF4_0014, 0x15A), 0x15A);
}

#[test]
fn every_chip_shows_its_security_bits_and_mac() {
    for &chip in Chip::ESP32_FAMILY {
        let security = Security {
            secure_download: false,
            encryption: Encryption::Release,
            secure_boot: true,
        };
        let registers = Registers::new(
            chip,
            &Identity {
                security,
                ..identity()
            },
        );
        let bits = chip.facts().security.as_ref().unwrap();
        let read = |(register, mask): (u32, u32)| registers.read(register, 0) & mask;
        assert_eq!(read(bits.crypt_count).count_ones() % 2, 1, "{chip}");
        assert_ne!(read(bits.encrypted_download_disabled), 0, "{chip}");
        assert_ne!(read(bits.secure_boot), 0, "{chip}");
        assert_eq!(
            registers.read(chip.facts().mac.low, 0),
            0xC400_0110,
            "{chip}"
        );
        assert_eq!(
            registers.read(chip.facts().mac.high, 0) & 0xFFFF,
            0x240A,
            "{chip}"
        );
    }
}

#[test]
fn rdid_through_the_spi_controller() {
    let flash = Nor::in_memory(4 << 20, []);
    for chip in Chip::ALL {
        let mut registers = Registers::new(chip, &identity());
        let base = chip.facts().spi_base;
        let spi = &chip.facts().spi;
        let all = u32::MAX;
        match &spi.dlen {
            Some(dlen) => registers.write(base + dlen.miso, 23, all, &flash),
            None => registers.write(base + spi.usr1, 23 << 8, all, &flash),
        };
        registers.write(base + spi.usr, 0x9000_0000, all, &flash);
        registers.write(base + spi.usr2, 0x7000_009F, all, &flash);
        registers.write(base + spi.w0, 0xFFFF_FFFF, all, &flash);
        registers.write(base, CMD_USR_FOR_TEST, all, &flash);
        assert_eq!(registers.read(base, 0), 0, "{chip}: finished");
        assert_eq!(registers.read(base + spi.w0, 0), 0x0016_40C8, "{chip}");
    }
}

const CMD_USR_FOR_TEST: u32 = 1 << 18;

#[test]
fn the_watchdog_fires_only_when_unlocked() {
    let flash = Nor::in_memory(0x1000, []);
    let mut registers = Registers::new(Chip::Esp32C3, &identity());
    let config = 1 << 31 | 5 << 28 | 1 << 8 | 2;
    assert_eq!(
        registers.write(0x6000_8090, config, u32::MAX, &flash),
        Effect::None
    );
    registers.write(0x6000_80A8, WATCHDOG_KEY, u32::MAX, &flash);
    registers.write(0x6000_8094, 2000, u32::MAX, &flash);
    let Effect::WatchdogArmed(after) = registers.write(0x6000_8090, config, u32::MAX, &flash)
    else {
        panic!("not armed");
    };
    assert!(after > Duration::from_millis(10) && after < Duration::from_millis(20));
    assert_eq!(
        registers.write(0x6000_8090, 0, u32::MAX, &flash),
        Effect::WatchdogOff
    );
}
