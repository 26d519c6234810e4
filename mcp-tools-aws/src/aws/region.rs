/// Whether a name has the form of a region's code, such as `eu-west-1` or `us-gov-east-1`. It goes into
/// host names and paths.
pub(crate) fn is_region(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let is_word = |part: &&str| part.bytes().all(|byte| byte.is_ascii_lowercase());
    match parts.as_slice() {
        [words @ .., number] => {
            name.len() <= 32
                && words.len() >= 2
                && words.iter().all(|word| !word.is_empty() && is_word(word))
                && matches!(number.as_bytes(), [b'1'..=b'9'])
        }
        [] => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_region_is_words_and_a_number() {
        for region in ["eu-west-1", "ap-southeast-7", "us-gov-east-1", "eusc-de-east-1"] {
            assert!(is_region(region), "{region}");
        }
        for other in
            ["", "-", "eu", "eu-west", "eu-1", "eu-west-1a", "EU-west-1", "eu--1", "../x-y-1"]
        {
            assert!(!is_region(other), "{other}");
        }
    }
}
