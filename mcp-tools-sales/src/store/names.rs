use std::sync::{Arc, OnceLock};

use indexmap::IndexSet;

use super::Codes;
use crate::{Dimension, QueryError, QueryErrorKind};

/// How many names an error lists by likeness to the one asked for, and how many by size.
const CLOSEST: usize = 5;
const LARGEST: usize = 12;

/// How much of an unknown name is looked at and repeated, in characters.
const LONGEST_ASKED: usize = 100;

/// The names of a dimension, each with how many order lines have it.
///
/// They are in the order of first appearance, whatever order they were met in by threads that read side by side.
#[derive(Clone, Debug, Default)]
pub struct Names {
    names: IndexSet<Arc<str>, foldhash::fast::RandomState>,
    /// Codes in the order of appearance, which is their own beyond it.
    order: Vec<u32>,
    /// Known once they have been asked for, which few questions do: counting takes a nanosecond a row.
    order_lines: OnceLock<Vec<u64>>,
    /// What is counted: the codes, and how many rows there are.
    lines: (Codes, usize),
}

impl Names {
    /// Adds a name; its code, or none if 2^32 names are there already.
    pub(crate) fn add(&mut self, name: &str) -> Option<u32> {
        let code = match self.names.get_index_of(name) {
            Some(code) => code,
            None => self.names.insert_full(name.into()).0,
        };
        u32::try_from(code).ok()
    }

    /// The same for a name of other names.
    pub(crate) fn add_shared(&mut self, name: &Arc<str>) -> Option<u32> {
        u32::try_from(self.names.insert_full(Arc::clone(name)).0).ok()
    }

    /// Tells when names first appeared that were added after there were so many.
    pub(crate) fn appeared(&mut self, before: usize, first: &[impl Ord]) {
        if first.is_sorted() {
            return;
        }
        let known = self.order.len()..before;
        self.order.extend(known.filter_map(|code| u32::try_from(code).ok()));
        let mut new: Vec<usize> = (0..first.len()).collect();
        new.sort_unstable_by_key(|&name| &first[name]);
        self.order.extend(new.into_iter().filter_map(|name| u32::try_from(before + name).ok()));
    }

    /// Codes in the order of first appearance.
    fn codes(&self) -> impl Iterator<Item = usize> {
        let rest = self.order.len()..self.len();
        self.order.iter().map(|&code| code as usize).chain(rest)
    }

    /// The name of a code.
    pub(crate) fn get(&self, code: usize) -> Option<&Arc<str>> {
        self.names.get_index(code)
    }

    /// Names whose order lines somebody else has counted.
    #[cfg(feature = "athena")]
    pub(crate) fn counted(names: Vec<(Arc<str>, u64)>) -> Self {
        let (names, order_lines): (IndexSet<_, _>, Vec<u64>) = names.into_iter().unzip();
        Self { names, order_lines: order_lines.into(), ..Self::default() }
    }

    /// Names of so many rows, which have these codes.
    pub(crate) fn of(mut self, codes: &Codes, rows: usize) -> Self {
        self.names.shrink_to_fit();
        self.lines = (codes.clone(), rows);
        self
    }

    fn order_lines(&self) -> &[u64] {
        let (codes, rows) = &self.lines;
        self.order_lines.get_or_init(|| codes.counts(self.len(), *rows))
    }

    /// The code of a name as written.
    pub(crate) fn code(&self, name: &str) -> Option<u32> {
        u32::try_from(self.names.get_index_of(name)?).ok()
    }

    /// The name of a code that this gave.
    pub(crate) fn decode(&self, code: u32) -> Option<&Arc<str>> {
        self.get(code as usize)
    }

    /// How many names there are.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// The names and their order lines, in the order of first appearance.
    pub fn iter(&self) -> impl Iterator<Item = (&Arc<str>, u64)> {
        let lines = self.order_lines();
        self.codes().filter_map(|code| Some((self.get(code)?, *lines.get(code)?)))
    }

    /// The name as the data has it: as written, or else the first that differs only in case and in
    /// space around it.
    ///
    /// # Errors
    ///
    /// [`QueryErrorKind::UnknownName`], whose message lists names that there are: all if they are
    /// few, else the closest and those with the most order lines.
    pub fn find(&self, dimension: Dimension, asked: &str) -> Result<&Arc<str>, QueryError> {
        let asked = asked.trim();
        self.names
            .get(asked)
            .or_else(|| {
                let asked = asked.to_lowercase();
                let mut names = self.codes().filter_map(|code| self.get(code));
                names.find(|known| known.to_lowercase() == asked)
            })
            .ok_or_else(|| self.unknown(dimension, asked))
    }

    fn unknown(&self, dimension: Dimension, asked: &str) -> QueryError {
        let asked =
            &asked[..asked.char_indices().nth(LONGEST_ASKED).map_or(asked.len(), |(end, _)| end)];
        let mut message = format!("There is no {dimension} {asked:?}.");
        let count = self.len();
        if count <= CLOSEST + LARGEST {
            let mut known: Vec<&str> = self.names.iter().map(|name| &**name).collect();
            known.sort_unstable();
            message += &format!(" The {} are: {}.", dimension.plural(), known.join(", "));
        } else {
            let closest = self.closest(asked);
            if !closest.is_empty() {
                message += &format!(" The closest names: {}.", closest.join(", "));
            }
            let largest: Vec<&str> =
                self.largest().into_iter().filter(|name| !closest.contains(name)).collect();
            let more = count - closest.len() - largest.len();
            message += &format!(
                " Those with the most order lines: {}, and {more} more.",
                largest.join(", ")
            );
        }
        QueryError::new(QueryErrorKind::UnknownName, message)
    }

    /// The names with the most order lines, most first.
    fn largest(&self) -> Vec<&str> {
        let mut largest: Vec<(&Arc<str>, u64)> = self.iter().collect();
        largest.sort_unstable_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(b.0)));
        largest.into_iter().take(LARGEST).map(|(name, _)| &**name).collect()
    }

    /// Names that are like `asked`, the likest first.
    pub(crate) fn closest(&self, asked: &str) -> Vec<&str> {
        // Jaro-Winkler favours a common beginning, which is how people shorten and misspell names.
        // Below this likeness on the sample's cities the matches stop being guesses that anyone
        // would make.
        const ALIKE: f64 = 0.75;
        let asked = asked.to_lowercase();
        let mut closest: Vec<(f64, &str)> = self
            .names
            .iter()
            .map(|name| (likeness(&asked, &name.to_lowercase()), &**name))
            .filter(|(likeness, _)| *likeness >= ALIKE)
            .collect();
        closest.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(b.1)));
        closest.truncate(CLOSEST);
        closest.into_iter().map(|(_, name)| name).collect()
    }

    /// Bytes on the heap, about: the texts with their counts of references, and per name a fat
    /// pointer, a hash, order lines, and an index at 7/8 load.
    pub(crate) fn heap_bytes(&self) -> usize {
        let entry = size_of::<Arc<str>>() + size_of::<u64>() + size_of::<u64>() + size_of::<u32>();
        let index = (size_of::<usize>() + 1) * 8 / 7;
        let texts = self.names.iter().map(|name| name.len() + 2 * size_of::<usize>());
        self.names.capacity() * (entry + index) + texts.sum::<usize>()
    }
}

/// How alike two texts are, from 0 to 1. A long name that holds what was asked as a whole is alike.
fn likeness(asked: &str, name: &str) -> f64 {
    const HOLDS: f64 = 0.9;
    let alike = strsim::jaro_winkler(asked, name);
    if asked.len() > 2 && name.contains(asked) { alike.max(HOLDS) } else { alike }
}
