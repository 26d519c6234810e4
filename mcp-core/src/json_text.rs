//! Strings as JSON.

/// How much is looked at in one step: as much as compilers make a few instructions of.
const STEP: usize = 32;

/// Appends a text as a JSON string, in the bytes that `serde_json` writes. It looks at one byte after the
/// other, which is most of what a large answer costs; here what needs no escape is copied as a whole.
pub(crate) fn write(text: &str, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    out.reserve(bytes.len() + 2);
    out.push(b'"');
    // What is looked at and not yet written.
    let mut start = 0;
    let mut at = 0;
    while at < bytes.len() {
        if let Some(step) = bytes.get(at..at + STEP)
            && !step.iter().fold(false, |any, byte| any | needs_escape(*byte))
        {
            at += STEP;
            continue;
        }
        let rest = &bytes[at..bytes.len().min(at + STEP)];
        let Some(place) = rest.iter().position(|byte| needs_escape(*byte)) else {
            at += rest.len();
            continue;
        };
        at += place;
        out.extend_from_slice(&bytes[start..at]);
        write_escape(bytes[at], out);
        at += 1;
        start = at;
    }
    out.extend_from_slice(&bytes[start..]);
    out.push(b'"');
}

/// RFC 8259, section 7. The rest of UTF-8 stands for itself.
fn needs_escape(byte: u8) -> bool {
    (byte < 0x20) | (byte == b'"') | (byte == b'\\')
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
