//! Kconfig, and devicetree, which is read beside it.

use super::kinds::{check, reason};
use super::read;
use crate::build::output::Output;

#[test]
fn kconfig_and_devicetree() {
    for (line, expected) in [
        (
            "kconfiglib.core.KconfigError: /p/main/Kconfig.projbuild:138: error: couldn't parse 'endmenu'",
            "error /p/main/Kconfig.projbuild:138:0 - kconfig couldn't parse 'endmenu'",
        ),
        (
            "ERROR: Kconfig:4: error: couldn't parse 'confg B': syntax error",
            "error Kconfig:4:0 - kconfig couldn't parse 'confg B': syntax error",
        ),
        (
            "WARNING: sdkconfig.defaults:3: 'maybe' is not a valid value for the bool symbol A.",
            "warning sdkconfig.defaults:3:0 - kconfig 'maybe' is not a valid value for the bool symbol A.",
        ),
        (
            "/p/prj.conf:3: warning: attempt to assign the value 'y' to the undefined symbol FOO",
            "warning /p/prj.conf:3:0 - kconfig attempt to assign the value 'y' to the undefined symbol FOO",
        ),
        (
            "devicetree error: C:\\p\\app.overlay:13 (column 1): parse error: undefined node label 'x'",
            "error C:\\p\\app.overlay:13:1 - devicetree parse error: undefined node label 'x'",
        ),
        (
            "Error: b.dts:5.1-2 syntax error",
            "error b.dts:5:1 - devicetree syntax error",
        ),
        (
            "c.dts:3.7-20: Warning (unit_address_vs_reg): /a@1: node has no reg",
            "warning c.dts:3:7 - devicetree (unit_address_vs_reg): /a@1: node has no reg",
        ),
    ] {
        check(line, &[expected]);
    }
    let paragraph = "\
warning: USE_RTT (defined at Kconfig:12) was assigned the value 'y' but got
the value 'n'. Check these unsatisfied dependencies: HAS_RTT (=n).

error: Aborting due to Kconfig warnings";
    check(
        paragraph,
        &[
            "warning Kconfig:12:0 - kconfig USE_RTT was assigned the value 'y' but got the value 'n'. \
           Check these unsatisfied dependencies: HAS_RTT (=n).",
        ],
    );
    assert_eq!(
        reason(paragraph).as_deref(),
        Some("Aborting due to Kconfig warnings")
    );
}

/// Few tools print a blank line after it.
#[test]
fn a_kconfig_warning_ends_where_something_else_begins() {
    let selected = "\
warning: BT_X (defined at /idf/bt/Kconfig:3) has direct dependencies BT with value n, but is selected by:
 - FOO (defined at main/Kconfig.projbuild:4), with value y, direct dependencies <none>";
    let warning = "warning /idf/bt/Kconfig:3:0 - kconfig BT_X has direct dependencies BT with value n, \
                   but is selected by: - FOO (defined at main/Kconfig.projbuild:4), with value y, \
                   direct dependencies <none>";
    let wrong = "/p/main/main.c:3:5: error: expected ';'";
    let found = "error /p/main/main.c:3:5 - gcc expected ';'";
    for next in [
        "-- Configuring done (1.2s)",
        "[1/5] Building C object a.c.obj",
        "FAILED: a.c.obj",
        wrong,
        "In file included from main.c:1:",
        "WARNING: a word about something: else",
        "ninja: Entering directory 'build'",
    ] {
        let text = format!("{selected}\n{next}\n{wrong}");
        let found_here = read(&text);
        assert!(found_here[1].starts_with(found), "{next}: {found_here:?}");
        if !next.starts_with("WARNING") {
            assert_eq!(found_here[0], warning, "{next}");
        }
    }
    let again = selected.replace("BT_X", "BT_Y");
    let both = format!("{selected}\n{again}\n/opt/bin/ld: region 'r' overflowed by 8 bytes");
    check(&both, &[warning, &warning.replace("BT_X", "BT_Y")]);
    assert_eq!(
        reason(&both).as_deref(),
        Some("region 'r' overflowed by 8 bytes")
    );

    let mut output = Output::default();
    for line in selected
        .lines()
        .chain(std::iter::repeat_n("words without end", 20))
    {
        output.hear(line);
    }
    let found = output.findings(false);
    assert_eq!(found.len(), 1, "it is shown while the build runs");
    assert_eq!(found[0].message.matches("words").count(), 11);
}
