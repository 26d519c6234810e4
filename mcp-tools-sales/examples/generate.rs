//! Writes made-up sales as CSV to standard output: `generate ROWS [SEED]`.

use std::{env, error::Error, io};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = env::args().skip(1);
    let rows = arguments.next().ok_or("usage: generate ROWS [SEED]")?.parse()?;
    let seed = arguments.next().map_or(Ok(0), |seed| seed.parse())?;
    mcp_tools_sales::generate(rows, seed, io::BufWriter::new(io::stdout().lock()))?;
    Ok(())
}
