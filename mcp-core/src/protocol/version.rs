/// The newest protocol version that this crate implements.
pub const LATEST_VERSION: &str = "2026-07-28";

/// Every protocol version that a server accepts, newest first.
///
/// The first is *modern* (each request carries its own version, client and capabilities); the
/// others are *legacy* (an `initialize` handshake opens a session).
pub const SUPPORTED_VERSIONS: &[&str] =
    &[LATEST_VERSION, "2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05"];

/// The legacy versions, newest first.
pub(crate) const LEGACY_VERSIONS: &[&str] = SUPPORTED_VERSIONS.split_first().expect("not empty").1;

/// The legacy version of this name.
pub(crate) fn legacy_version(name: &str) -> Option<&'static str> {
    LEGACY_VERSIONS.iter().copied().find(|version| *version == name)
}

/// Which family of protocol revisions a request belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Era {
    /// 2026-07-28 and later: stateless, every request describes itself in `_meta`.
    Modern,
    /// 2025-11-25 and earlier: no `_meta`, results without `resultType`.
    Legacy,
}
