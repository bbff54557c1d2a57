//! The known name that an unknown one was probably meant to be.

use strsim::levenshtein;

use super::names::Name;

/// The name that was most likely meant: at most a third of it has to change.
pub(super) fn nearest(text: &str, names: &[Name]) -> Option<String> {
    // Longer texts are not typing errors, and distance takes time in proportion to both.
    if text.len() > 32 {
        return None;
    }
    let text = text.to_ascii_lowercase();
    let near = names
        .iter()
        .map(|known| (levenshtein(&text, &known.name), known));
    let (distance, known) = near.min_by_key(|(distance, _)| *distance)?;
    (distance <= 2 && distance * 3 <= known.name.len()).then(|| known.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(words: &[&str]) -> Vec<Name> {
        let name = |word: &&str| Name {
            name: (*word).to_owned(),
            value: 0,
            about: "",
        };
        words.iter().map(name).collect()
    }

    #[test]
    fn a_slip_of_the_finger_is_understood() {
        let known = names(&["ota", "phy", "nvs", "spiffs", "coredump"]);
        for (text, meant) in [
            ("spifs", Some("spiffs")),
            ("SPIFFS", Some("spiffs")),
            ("cordump", Some("coredump")),
            ("otta", Some("ota")),
            ("x", None),
            ("abcdef", None),
        ] {
            assert_eq!(nearest(text, &known).as_deref(), meant, "{text}");
        }
    }
}
