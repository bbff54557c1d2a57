//! sdkconfig as the genuine esp-idf-kconfig reads it.

use std::process::Command;

use fbuild_project::discover::sdkconfig::SdkConfig;

use crate::harness::python_tool;

/// Reads each text as an sdkconfig, and prints what the build's sdkconfig.json says of `X` and of `Y` then.
const READ: &str = r#"
import json, os, sys, tempfile
import esp_kconfiglib.core as core
from kconfgen.core import get_json_values
os.chdir(tempfile.mkdtemp())
with open("Kconfig", "w") as file:
    file.write('mainmenu "m"\nconfig X\n    hex "X"\n    default 0xabc\nconfig Y\n    bool "Y"\n')
for text in json.loads(sys.argv[1]):
    with open("sdkconfig", "w") as file:
        file.write(text)
    config = core.Kconfig("Kconfig", warn=False)
    config.load_config("sdkconfig")
    values = get_json_values(config)
    print(hex(values["X"]), "y" if values.get("Y") else "n")
"#;
/// What `X` is where its line counts for nothing.
const DEFAULT: u32 = 0xABC;

/// The same of ours.
fn read(text: &str) -> String {
    let config = SdkConfig::parse(text);
    let number = config.hex("X").unwrap_or(DEFAULT);
    let flag = if config.is_set("Y") { "y" } else { "n" };
    format!("{number:#x} {flag}")
}

#[test]
fn sdkconfig_is_read_as_kconfig_reads_it() {
    let Some(python) = python_tool("venv-kconfig-3.14.0", "python") else {
        return;
    };
    let values = [
        "10000",
        "0x10000",
        "c000",
        "0XC000",
        "65536",
        " 0x9000",
        "0x9000 ",
        "0x9000 # why",
        "-1",
        "0xzz",
        "",
    ];
    let lines = [
        "CONFIG_Y=y",
        "CONFIG_Y = y",
        "CONFIG_Y =y",
        " CONFIG_Y=y",
        "\tCONFIG_Y=y",
        "Y=y",
        "# CONFIG_Y is not set",
        "CONFIG_Y=y\n# CONFIG_Y is not set",
    ];
    let values = values.map(|value| format!("CONFIG_X={value}\n"));
    let lines = lines.map(|line| format!("{line}\n"));
    let texts: Vec<&String> = values.iter().chain(&lines).collect();
    let argument = serde_json::to_string(&texts).unwrap();
    let output = Command::new(python)
        .args(["-c", READ, &argument])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let theirs: Vec<&str> = said.lines().collect();
    let wrong = String::from_utf8_lossy(&output.stderr);
    assert_eq!(theirs.len(), texts.len(), "{said}{wrong}");
    for (text, theirs) in texts.iter().zip(theirs) {
        assert_eq!(read(text), theirs, "{text:?}");
    }
}
