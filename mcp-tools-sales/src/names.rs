use indexmap::IndexSet;

/// The distinct values of a text column, each with a code: its place in the order of first
/// appearance.
#[derive(Debug, Default)]
pub(crate) struct Names(IndexSet<Box<str>>);

impl Names {
    /// The code of a name, which is added if it is new; none if 2^32 names are there already.
    pub(crate) fn encode(&mut self, name: &str) -> Option<u32> {
        let code = match self.0.get_index_of(name) {
            Some(code) => code,
            None => self.0.insert_full(name.into()).0,
        };
        u32::try_from(code).ok()
    }

    /// The code of a name as written, or else of the first that differs only in case.
    pub(crate) fn find(&self, name: &str) -> Option<u32> {
        let code = self.0.get_index_of(name).or_else(|| {
            let name = name.to_lowercase();
            self.0.iter().position(|known| known.to_lowercase() == name)
        })?;
        u32::try_from(code).ok()
    }

    /// The name of a code that this gave. Panics for any other.
    pub(crate) fn decode(&self, code: u32) -> &str {
        &self.0[code as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| &**name)
    }

    pub(crate) fn shrink_to_fit(&mut self) {
        self.0.shrink_to_fit();
    }

    /// Bytes on the heap, about: the texts, and per name a fat pointer, a hash, and an index at 7/8
    /// load.
    pub(crate) fn heap_bytes(&self) -> usize {
        let entry = size_of::<Box<str>>() + size_of::<u64>();
        let index = (size_of::<usize>() + 1) * 8 / 7;
        self.0.capacity() * (entry + index) + self.iter().map(str::len).sum::<usize>()
    }
}
