//! Whose a file is among several sets in one directory, where its name does not begin and end like theirs
//! (`littlefs-esp32.bin` beside `esp32-firmware.bin`): by whole words.

use fbuild_chip::Chip;

/// What tells a set from others.
pub(super) struct Known {
    pub(super) words: Vec<String>,
    pub(super) chip: Option<Chip>,
}

/// The words of a name; a chip is one, however it is written (`esp32-s3`, `s3`).
pub(super) fn words(name: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for word in name.split(|it: char| !it.is_alphanumeric()) {
        let word = word.to_lowercase();
        let model = format!("esp32{word}");
        if word.is_empty() {
            continue;
        }
        if chip(&model).is_none() {
            found.push(word);
        } else if let Some(last) = found.last_mut().filter(|last| *last == "esp32") {
            *last = model;
        } else {
            found.push(model);
        }
    }
    found
}

fn chip(word: &str) -> Option<Chip> {
    word.parse().ok()
}

/// The sets that a file is for: the one whose words it has, or those for the chip that it names, or all where it
/// says nothing of that. None of them: it is unclear.
pub(super) fn whose(name: &str, sets: &[Known]) -> Vec<usize> {
    let own = words(name);
    let telling = |set: &Known| -> Vec<String> {
        let is_telling = |word: &&String| !sets.iter().all(|set| set.words.contains(word));
        set.words.iter().filter(is_telling).cloned().collect()
    };
    let has_all = |words: &[String]| !words.is_empty() && words.iter().all(|it| own.contains(it));
    let fitting = sets.iter().enumerate().filter_map(|(index, set)| {
        let fits = has_all(&set.words) || has_all(&telling(set));
        let count = set.words.iter().filter(|it| own.contains(it)).count();
        fits.then_some((count, index))
    });
    let fitting: Vec<_> = fitting.collect();
    if let Some((most, _)) = fitting.iter().max() {
        let mut best = fitting.iter().filter(|(count, _)| count == most);
        let only = best.next().filter(|_| best.next().is_none());
        return only.iter().map(|(_, index)| *index).collect();
    }
    let has_some = |set: &Known| telling(set).iter().any(|it| own.contains(it));
    let chips: Vec<Chip> = own.iter().filter_map(|word| chip(word)).collect();
    let is_for = |set: &Known| {
        chips.is_empty() && !sets.iter().any(has_some)
            || set.chip.is_some_and(|chip| chips.contains(&chip))
    };
    let indices = sets.iter().enumerate();
    indices
        .filter(|(_, set)| is_for(set))
        .map(|(index, _)| index)
        .collect()
}

/// What a name says beside whose it is.
pub(super) fn without(name: &str, set: &Known) -> String {
    let all = words(name);
    let is_other = |word: &&String| !set.words.contains(word) && chip(word).is_none();
    let others: Vec<_> = all.iter().filter(is_other).cloned().collect();
    if others.len() == all.len() {
        return name.to_owned();
    }
    others.join("_")
}
