//! Options in a list of words, as argparse, click and clap read them: of several with one name the last counts.

/// Every option with its value: `--name=value`, `-nvalue`, or the next word where that is no option itself.
pub(super) fn options<W: AsRef<str>>(
    words: &[W],
) -> impl DoubleEndedIterator<Item = (&str, Option<&str>)> {
    words.iter().enumerate().filter_map(|(at, word)| {
        let word = word.as_ref();
        let behind = word.char_indices().nth(2).map(|(len, _)| len);
        Some(match (word.split_once('='), behind) {
            _ if !word.starts_with('-') => return None,
            (Some((name, value)), _) => (name, Some(value)),
            (None, Some(len)) if !word.starts_with("--") => (&word[..len], Some(&word[len..])),
            (None, _) => {
                let next = words.get(at + 1).map(AsRef::as_ref);
                (word, next.filter(|next| !next.starts_with('-')))
            }
        })
    })
}

/// The value of the option whose name `is_it`.
pub(super) fn value<W: AsRef<str>>(words: &[W], is_it: impl Fn(&str) -> bool) -> Option<&str> {
    let mut named = options(words).rev().filter(|(name, _)| is_it(name));
    named.next()?.1
}
