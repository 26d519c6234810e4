//! Names like the one that somebody meant.

/// So many are told.
const CLOSEST: usize = 5;

/// The known names that are most like this one, the closest first: five at most.
pub(crate) fn closest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut close: Vec<(f64, &str)> =
        known.into_iter().map(|known| (strsim::jaro_winkler(name, known), known)).collect();
    close.sort_by(|a, b| b.0.total_cmp(&a.0));
    close.into_iter().take(CLOSEST).map(|(_, known)| known).collect()
}
