//! What the C library does with memory that is freed.

use std::hint::black_box;

/// The buffers of a large call together: its text, its argument and its answer, of a megabyte each.
const LARGE: usize = 4 << 20;

/// Has glibc keep the memory of large calls for those that follow. It gives memory back when more than
/// twice the largest block is free that it ever mapped by itself, 256 KiB at first; calls of a
/// megabyte then cost more in page faults than in all else. Freeing such a block raises both bounds
/// (mallopt(3), `M_MMAP_THRESHOLD`). The block is never touched, so that it takes no memory.
pub(crate) fn keep_large_buffers() {
    drop(black_box(Vec::<u8>::with_capacity(LARGE)));
}
