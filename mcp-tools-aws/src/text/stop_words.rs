//! English words that say little of what a text is about.

use std::{collections::HashSet, sync::LazyLock};

static STOP_WORDS: LazyLock<HashSet<&'static str>> = LazyLock::new(|| {
    "a about above across after again against all almost alone along already also although always am \
     among an and another any anybody anyone anything are aren't around as at away back be became \
     because become been before behind being below between both but by came can can't cannot come \
     could couldn't did didn't do does doesn't doing don't done down during each either else enough \
     even ever every everybody everyone everything few first for from further get gets getting give \
     given go goes going gone got had hadn't has hasn't have haven't having he he'd he'll he's her \
     here here's hers herself him himself his how how's however i i'd i'll i'm i've if in indeed \
     instead into is isn't it it'd it'll it's its itself just keep kept know least less let let's \
     like likely made make makes many may maybe me might mine more most much must mustn't my myself \
     near need needs neither never no nobody none nor not nothing now nowhere of off often on once \
     one only onto or other others otherwise ought our ours ourselves out over own per perhaps put \
     quite rather really s said same say says see seem seemed seems seen several shall shan't she \
     she'd she'll she's should shouldn't since so some somebody someone something sometimes \
     somewhere still such t take taken than that that's the their theirs them themselves then there \
     there's therefore these they they'd they'll they're they've thing things this those though \
     through thus to together too toward towards two under until up upon us use used uses using very \
     via want was wasn't way we we'd we'll we're we've well went were weren't what what's when when's \
     where where's whether which while who who's whole whom whose why why's will with within without \
     won't would wouldn't yes yet you you'd you'll you're you've your yours yourself yourselves"
        .split_ascii_whitespace()
        .collect()
});

/// Whether a word, in any case, says little of what a text is about.
pub(super) fn is_stop_word(word: &str) -> bool {
    // No stop word is longer, and none has letters beyond ASCII but for the apostrophe.
    if word.len() > 16 {
        return false;
    }
    let word = word.replace('\u{2019}', "'").to_ascii_lowercase();
    STOP_WORDS.contains(word.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stop_words_are_known_in_any_case_and_with_any_apostrophe() {
        for word in ["the", "The", "DON'T", "don\u{2019}t", "yourselves"] {
            assert!(is_stop_word(word), "{word}");
        }
        for word in ["server", "Lambda", ""] {
            assert!(!is_stop_word(word), "{word}");
        }
    }
}
