//! Strings as JSON.

/// Each byte of a word is one.
const ONES: u64 = u64::MAX / 255;
/// The highest bit of each byte of a word.
const HIGH: u64 = ONES << 7;

/// Appends a text as a JSON string, in the bytes that `serde_json` writes. That looks at one byte after the
/// other, which is most of what a large answer costs; here it is eight at once.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    // What is looked at and not yet written begins at `start`.
    let (mut start, mut at) = (0, 0);
    while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
        let (word, length) = match rest.first_chunk() {
            Some(word) => (u64::from_le_bytes(*word), 8),
            None => {
                // Filled up with what needs no escape.
                let mut word = *b"        ";
                word[..rest.len()].copy_from_slice(rest);
                (u64::from_le_bytes(word), rest.len())
            }
        };
        let found = need_escape(word);
        if found == 0 {
            at += length;
            continue;
        }
        at += found.trailing_zeros() as usize / 8;
        out.extend_from_slice(&bytes[start..at]);
        write_escape(bytes[at], out);
        at += 1;
        start = at;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// Sets the highest bit of the first byte that cannot stand for itself (RFC 8259, section 7), of none if
/// there is none, and of any after it.
fn need_escape(word: u64) -> u64 {
    // A byte below `n` has a borrow, and so has what comes after it.
    let below = |word: u64, n: u64| word.wrapping_sub(ONES * n) & !word & HIGH;
    let is = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    below(word, 0x20) | is(b'"') | is(b'\\')
}

fn write_escape(byte: u8, out: &mut Vec<u8>) {
    const DIGITS: [u8; 16] = *b"0123456789abcdef";
    let short = match byte {
        0x08 => b'b',
        b'\t' => b't',
        b'\n' => b'n',
        0x0c => b'f',
        b'\r' => b'r',
        b'"' | b'\\' => byte,
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn written(text: &str) -> String {
        let mut out = Vec::new();
        write(text, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    #[test]
    fn every_character_is_written_as_serde_json_does() {
        for character in (0..0x180).filter_map(char::from_u32).chain(['\u{2028}', '\u{1f980}']) {
            for before in [0, 1, 30, 31, 32, 33, 63, 64, 65] {
                let text = format!("{}{character}{character}y", "x".repeat(before));
                assert_eq!(written(&text), serde_json::json!(text).to_string());
            }
        }
        assert_eq!(written(""), r#""""#);
    }

    proptest! {
        #[test]
        fn every_text_is_written_as_serde_json_does(text in "(?s).{0,200}|[ -~\\n]{0,200}") {
            prop_assert_eq!(written(&text), serde_json::json!(text).to_string());
        }
    }
}
