//! From what a comparison printed to what is known of each region.

use std::collections::BTreeMap;

use super::output::Said;
use crate::outcome::Verdict;

/// What was compared: byte offset in flash and length.
pub type Span = (u32, u32);

/// The verdict on each of `asked`. Regions are known by their place; places that nobody asked about
/// are left out. An answer counts only right after its question. What is missing, was compared in
/// another length, or was answered twice in two ways is unknown.
pub fn verdicts(lines: &[String], asked: &[Span]) -> Vec<Verdict> {
    let mut answers: BTreeMap<Span, Option<bool>> = BTreeMap::new();
    let mut begun: Option<Span> = None;
    for line in lines {
        let question = begun.take();
        match (Said::from_line(line), question) {
            (Some(Said::Verifying { offset, len_bytes }), _) => begun = Some((offset, len_bytes)),
            (Some(Said::Compared { is_match }), Some(span)) => {
                let known = answers.entry(span).or_insert(Some(is_match));
                if *known != Some(is_match) {
                    *known = None;
                }
            }
            _ => {}
        }
    }
    let verdict = |span| match answers.get(span).copied().flatten() {
        Some(true) => Verdict::Match,
        Some(false) => Verdict::Differs,
        None => Verdict::Unknown,
    };
    asked.iter().map(verdict).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::output::Lines;
    use super::*;

    fn read(text: &[u8], asked: &[Span]) -> Vec<Verdict> {
        let mut lines = Lines::default();
        let mut all = lines.feed(text);
        all.extend(lines.finish());
        verdicts(&all, asked)
    }

    const MATCH_5: &str = "Verification successful (digest matched).\n";
    const DIFFERS_5: &str = "Verification failed (digest mismatch).\n";
    const MATCH_4: &str = "-- verify OK (digest matched)\n";

    fn verifying(offset: u32, len_bytes: u32) -> String {
        format!(
            "Verifying {len_bytes:#x} ({len_bytes}) bytes at {offset:#010x} in flash against 'a.bin'...\n"
        )
    }

    #[track_caller]
    fn check(text: &str, expected: Verdict) {
        assert_eq!(read(text.as_bytes(), &[(0x1000, 8)]), [expected], "{text}");
    }

    #[test]
    fn an_answer_counts_for_what_was_asked_last_and_only_once() {
        let asked = verifying(0x1000, 8);
        check(&format!("{asked}{MATCH_5}"), Verdict::Match);
        check(&format!("{asked}{MATCH_4}"), Verdict::Match);
        check(&format!("{asked}{DIFFERS_5}"), Verdict::Differs);
        check(&asked, Verdict::Unknown);
        check(MATCH_5, Verdict::Unknown);
        check(&format!("{asked}and more\n{MATCH_5}"), Verdict::Unknown);
        let other = verifying(0x2000, 8);
        check(&format!("{asked}{other}{MATCH_5}"), Verdict::Unknown);
        check(&format!("{other}{MATCH_5}{MATCH_5}"), Verdict::Unknown);
        check(&format!("{other}{MATCH_5}{asked}{MATCH_5}"), Verdict::Match);
        let shorter = verifying(0x1000, 4);
        check(&format!("{shorter}{MATCH_5}"), Verdict::Unknown);
        check(
            &format!("{asked}{MATCH_5}{asked}{DIFFERS_5}"),
            Verdict::Unknown,
        );
        check(
            &format!("{asked}{DIFFERS_5}{asked}{MATCH_5}"),
            Verdict::Unknown,
        );
    }

    /// Pieces of genuine output and noise, in any order.
    fn piece() -> impl Strategy<Value = Vec<u8>> {
        let offset = prop::sample::select(vec![0u32, 0x1000, 0x8000]);
        let words = prop::sample::select(vec![
            MATCH_5,
            MATCH_4,
            DIFFERS_5,
            "-- verify FAILED (digest mismatch)\n",
            "-- verify OK",
            "Verification successful",
            "\r",
            "\n",
            "ERROR: A fatal error occurred: Verification failed.\n",
        ]);
        prop_oneof![
            (offset, prop::sample::select(vec![8u32, 9])).prop_map(|(o, l)| verifying(o, l).into()),
            words.prop_map(|text| text.as_bytes().to_vec()),
            prop::collection::vec(any::<u8>(), 0..40),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 2000 } else { 20_000 }))]

        #[test]
        fn no_output_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            prop_assert_eq!(read(&bytes, &[(0, 8), (0x1000, 8)]).len(), 2);
        }

        /// A region is only called matching where its place and length are named and the very next
        /// line says that they match.
        #[test]
        fn nothing_matches_that_the_output_does_not_call_matching(
            pieces in prop::collection::vec(piece(), 0..30)
        ) {
            let text = pieces.concat();
            let asked: Vec<Span> = [0u32, 0x1000, 0x8000].map(|offset| (offset, 8)).to_vec();
            let plain = String::from_utf8_lossy(&text).replace('\r', "\n");
            let lines: Vec<&str> = plain.split('\n').filter(|line| !line.is_empty()).collect();
            for (n, verdict) in read(&text, &asked).into_iter().enumerate() {
                let header = format!("(8) bytes at {:#010x} in flash", asked[n].0);
                let is_said = lines.windows(2).any(|pair| {
                    pair[0].contains(&header) && pair[1].contains("digest matched")
                });
                let is_match = verdict == Verdict::Match;
                prop_assert!(!is_match || is_said, "region {:#x} in {}", asked[n].0, plain);
            }
        }
    }
}
