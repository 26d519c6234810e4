//! A stream of CSV cut into blocks of whole records, which can then be read side by side.

use std::io::{self, Read};

use super::records::LONGEST_RECORD;

/// Long enough that cutting costs nothing, short enough that a few fit into a processor's cache.
const BLOCK: usize = 1 << 20;

/// Cuts a stream where records end: after a line break with an even number of quotes before it.
///
/// In text where quotes stand where they should, that is where the quoted fields are closed. Where
/// they do not, the block that holds the first misplaced quote still begins with a record, so that
/// whoever reads it finds the mistake.
pub(super) struct Blocks<R> {
    input: R,
    /// What has been read beyond the last block.
    rest: Vec<u8>,
    /// Room of blocks that are done with: memory that is new costs as much as reading.
    room: Vec<Vec<u8>>,
    ended: bool,
}

impl<R: Read> Blocks<R> {
    pub(super) fn new(input: R) -> Self {
        Self { input, rest: Vec::new(), room: Vec::new(), ended: false }
    }

    /// Takes a block back that has been read.
    pub(super) fn give_back(&mut self, block: Vec<u8>) {
        self.room.push(block);
    }

    /// The next block; none at the end of the stream.
    pub(super) fn next(&mut self) -> io::Result<Option<Vec<u8>>> {
        let mut block = self.room.pop().unwrap_or_default();
        block.clear();
        block.append(&mut self.rest);
        loop {
            let wanted = block.len() + BLOCK;
            if !self.ended {
                block.reserve(BLOCK);
                let read = (&mut self.input).take(BLOCK as u64).read_to_end(&mut block)?;
                self.ended = read == 0 || block.len() < wanted;
            }
            if self.ended {
                return Ok((!block.is_empty()).then_some(block));
            }
            if let Some(end) = last_end(&block) {
                self.rest.extend_from_slice(&block[end..]);
                block.truncate(end);
                return Ok(Some(block));
            }
            // Whoever reads this finds a record that is too long.
            if block.len() > LONGEST_RECORD + BLOCK {
                self.ended = true;
                return Ok(Some(block));
            }
        }
    }
}

/// The end of the last record that ends in the text.
fn last_end(text: &[u8]) -> Option<usize> {
    let mut open = memchr::memchr_iter(b'"', text).count() % 2 == 1;
    for at in memchr::memrchr2_iter(b'\n', b'"', text) {
        match text[at] {
            b'"' => open = !open,
            _ if !open => return Some(at + 1),
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_are_never_cut() {
        assert_eq!(last_end(b"a,b\nc"), Some(4));
        assert_eq!(last_end(b"a,\"b\nc\"\nd"), Some(8));
        assert_eq!(last_end(b"a\nb,\"c\n\"\"\nd"), Some(2));
        assert_eq!(last_end(b"\"a\nb"), None);
        assert_eq!(last_end(b"a"), None);
    }

    #[test]
    fn blocks_are_the_stream() {
        let line = format!("{},\"x\ny\"\n", "z".repeat(999));
        let text = line.repeat(5000);
        let mut blocks = Blocks::new(text.as_bytes());
        let mut joined = Vec::new();
        let mut count = 0;
        while let Some(block) = blocks.next().expect("read from memory") {
            assert_eq!(block.len() % line.len(), 0);
            joined.extend(block);
            count += 1;
        }
        assert_eq!((joined == text.as_bytes(), count), (true, 5));
    }
}
