//! Arduino: what the build says itself, and where it is.

use fbuild_chip::Chip;

use super::files::{Files, names};

const ROWS: &str = "nvs,data,nvs,0x9000,0x10000\notadata,data,ota,0x19000,0x2000\n\
                    app0,app,ota_0,0x20000,1M\n";
const BUILD: &str = "build/esp32.esp32.esp32s3";

fn export(files: &Files, dir: &str) {
    files.image(&format!("{dir}/blink.ino.bin"), Chip::Esp32S3);
    files.image(&format!("{dir}/blink.ino.bootloader.bin"), Chip::Esp32S3);
    files.table(&format!("{dir}/blink.ino.partitions.bin"), ROWS);
    files.write(&format!("{dir}/boot_app0.bin"), b"");
}

#[test]
fn the_builds_own_list_decides_where_images_go() {
    let files = Files::new(&[
        ("blink.ino", ""),
        (
            &format!("{BUILD}/flash_args"),
            "--flash-mode dio --flash-freq 80m --flash-size 4MB\n0x0 blink.ino.bootloader.bin\n\
             0x8000 blink.ino.partitions.bin\n0x19000 boot_app0.bin\n0x20000 blink.ino.bin\n",
        ),
    ]);
    export(&files, BUILD);
    let found = files.found_in("");
    let regions = files.regions(&found.targets[0]);
    assert_eq!(
        regions[2..],
        [
            format!("0x19000 otadata {BUILD}/boot_app0.bin"),
            format!("0x20000 firmware {BUILD}/blink.ino.bin")
        ]
    );
}

#[test]
fn speech_models_without_a_partition_are_told() {
    let files = Files::new(&[("blink.ino", "")]);
    export(&files, BUILD);
    files.write(&format!("{BUILD}/srmodels.bin"), b"x");
    let found = files.found_in("");
    assert_eq!(
        found.passed[0].place,
        files.root().join(BUILD).join("srmodels.bin")
    );
}

#[cfg(unix)]
#[test]
fn a_sketch_behind_a_link_has_its_build_in_the_cache() {
    use md5::{Digest, Md5};

    let files = Files::new(&[("real/blink/blink.ino", "")]);
    let sketch = files.root().join("real/blink").canonicalize().unwrap();
    let digest = Md5::digest(sketch.to_str().unwrap().as_bytes());
    let name = format!("{:032X}", u128::from_be_bytes(digest.into()));
    let cache = format!("cache/sketches/{name}");
    export(&files, &cache);
    files.write(
        &format!("{cache}/build.options.json"),
        br#"{"fqbn": "esp32:esp32:esp32s3"}"#,
    );
    std::os::unix::fs::symlink(&sketch, files.root().join("link")).unwrap();
    let cache = files.text("@/cache");
    let variables = [("ARDUINO_BUILD_CACHE_PATH".to_owned(), cache)];
    let environment = crate::discover::Environment::from_pairs(variables);
    let found = crate::discover::discover(&files.root().join("link"), &environment);
    assert_eq!(names(&found), ["arduino:esp32.esp32.esp32s3/cache"]);
}

#[test]
fn a_sketch_names_its_port() {
    for (text, expected) in [
        (
            "default_port: /dev/ttyACM7   # the board on the left\ndefault_protocol: serial\n",
            Some("/dev/ttyACM7"),
        ),
        (
            "default_port: 192.168.1.40\ndefault_protocol: network\n",
            None,
        ),
        (
            "profiles:\n  one:\n    fqbn: esp32:esp32:esp32s3\n    port: COM4\n",
            Some("COM4"),
        ),
    ] {
        let files = Files::new(&[("blink.ino", ""), ("sketch.yaml", text)]);
        export(&files, BUILD);
        assert_eq!(
            files.found_in("").targets[0].port.as_deref(),
            expected,
            "{text}"
        );
    }
}
