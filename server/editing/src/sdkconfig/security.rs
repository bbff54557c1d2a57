//! Options that burn eFuses, and what a deploy will say afterwards.
//!
//! The conditions are those of the checks that run before a board is written to
//! (`fbuild_chip::security`).

use fbuild_project::discover::sdkconfig::Entry;

use super::{Config, Role};
use crate::{Diagnostic, Severity};

/// Without an effect unless another option is on.
const RULES: &[(&str, Option<&str>, &str, &str)] = &[
    (
        "SECURE_FLASH_ENC_ENABLED",
        None,
        "flash-encryption",
        "At its first start the board encrypts its flash for good. After that, deploys write only what \
         the build marks as encrypted, and cannot compare or prove it.",
    ),
    (
        "SECURE_FLASH_ENCRYPTION_MODE_RELEASE",
        Some("SECURE_FLASH_ENC_ENABLED"),
        "release-mode",
        "After its first start the board encrypts nothing that comes over the serial line: every \
         deploy to it will be refused. Development mode allows them.",
    ),
    (
        "SECURE_BOOT",
        None,
        "secure-boot",
        "At its first start the board locks itself to images signed with the project's key. Nothing \
         takes that back.",
    ),
    (
        "SECURE_BOOT_V1_ENABLED",
        Some("SECURE_BOOT"),
        "secure-boot-v1",
        "The boot loader of a board that is locked this way can never be replaced: a deploy that \
         contains it will be refused.",
    ),
    (
        "SECURE_DISABLE_ROM_DL_MODE",
        None,
        "no-download-mode",
        "After its first start the board cannot be deployed to over the serial line any more.",
    ),
    (
        "SECURE_ENABLE_SECURE_ROM_DL_MODE",
        None,
        "secure-download-mode",
        "After its first start the board tells nothing about its flash: deploys write everything and \
         cannot prove it, and with flash encryption they are refused.",
    ),
];

pub(super) fn check(config: &Config<'_>, found: &mut Vec<Diagnostic>) {
    let values = &config.values;
    for (name, with, code, message) in RULES {
        let is_on = values.is_set(name) && with.is_none_or(|with| values.is_set(with));
        if let Some(entry) = config.entry(name).filter(|_| is_on) {
            found.push(Diagnostic::new(
                &entry.span,
                Severity::Warning,
                code,
                *message,
            ));
        }
    }
    if of_board(config, found) {
        return;
    }
    let unsigned = values.get("SECURE_BOOT_BUILD_SIGNED_BINARIES") != Some("y");
    let is_complete = config.role == Role::Complete;
    // A file of defaults leaves it to ESP-IDF, whose default is to sign.
    let says_so = config.entry("SECURE_BOOT_BUILD_SIGNED_BINARIES").is_some() || is_complete;
    if let Some(entry) = config
        .entry("SECURE_BOOT")
        .filter(|_| values.is_set("SECURE_BOOT"))
        && unsigned
        && says_so
    {
        let entry = config
            .entry("SECURE_BOOT_BUILD_SIGNED_BINARIES")
            .unwrap_or(entry);
        let message = "The build does not sign its images: a deploy of them to a locked board will be \
                       refused.";
        found.push(Diagnostic::new(
            &entry.span,
            Severity::Warning,
            "unsigned",
            message,
        ));
    }
}

/// What the board that was deployed to last refuses of a build with this file; whether that is its
/// being unsigned.
fn of_board(config: &Config<'_>, found: &mut Vec<Diagnostic>) -> bool {
    // Defaults do not say everything.
    if config.role != Role::Complete {
        return false;
    }
    let board = config.board();
    let Some((board, security)) = board.and_then(|it| Some((it, it.security?))) else {
        return false;
    };
    let mut say = |entry: Option<&Entry>, code, why: &str| {
        let Some(entry) = entry.or_else(|| config.entry("IDF_TARGET")) else {
            return;
        };
        let message = format!(
            "A deploy of this build to the board that was deployed to last ({}) would be refused: \
             {why}.",
            board.name()
        );
        found.push(Diagnostic::new(
            &entry.span,
            Severity::Warning,
            code,
            message,
        ));
    };
    let encrypts = "SECURE_FLASH_ENC_ENABLED";
    let refuses = security.refuses_every_build().or_else(|| {
        let is_plain = security.flash_encryption && !config.values.is_set(encrypts);
        is_plain.then_some(
            "its flash encryption is on, and the build does not mark what is to be encrypted",
        )
    });
    if let Some(why) = refuses {
        say(config.entry(encrypts), "encryption-of-board", why);
    }
    let signs = "SECURE_BOOT_BUILD_SIGNED_BINARIES";
    let is_unsigned = security.secure_boot && !config.values.is_set(signs);
    if is_unsigned {
        let entry = config.entry(signs).or_else(|| config.entry("SECURE_BOOT"));
        let why = "it starts signed images only, and the build does not sign its own";
        say(entry, "secure-boot-of-board", why);
    }
    is_unsigned
}
