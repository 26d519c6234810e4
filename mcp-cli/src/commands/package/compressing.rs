//! The part of packing that takes time: a bar shows how far it is, on terminals.

use std::io::{self, IsTerminal as _, Write, stderr};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Writes all bytes into what compresses them.
pub(super) fn write(bytes: &[u8], into: &mut impl Write) -> io::Result<()> {
    let target = match stderr().is_terminal() {
        true => ProgressDrawTarget::stderr(),
        false => ProgressDrawTarget::hidden(),
    };
    let bar = ProgressBar::with_draw_target(Some(bytes.len() as u64), target);
    if let Ok(style) = ProgressStyle::with_template("{bar:30} {percent:>3} %  compressing") {
        bar.set_style(style);
    }
    let written = io::copy(&mut bar.wrap_read(bytes), into);
    bar.finish_and_clear();
    written.map(drop)
}
