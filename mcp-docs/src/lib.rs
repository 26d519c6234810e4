//! The documentation, tested. Nothing depends on this crate.
//!
//! Its documentation tests are the Rust code of the project's pages; `tests/links.rs` follows their
//! links, `tests/commands.rs` checks every command that they show, and `tests/readme.rs` runs those
//! that need nothing but this repository.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {$(
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        struct $name;
    )*};
}

pages! {
    Readme: "../../README.md",
    Axum: "../../examples/mount-existing-axum-app/README.md",
    FromPython: "../../docs/from-python.md",
    FromRmcp: "../../docs/from-rmcp.md",
    Lambda: "../../docs/lambda.md",
    Packs: "../../docs/packs.md",
    Tools: "../../docs/tools.md",
}
