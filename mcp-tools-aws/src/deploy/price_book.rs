use std::{
    fmt,
    sync::{Arc, PoisonError, RwLock},
};

use super::Prices;
#[cfg(feature = "refresh")]
use crate::Aws;

/// The prices that the tools go by, which may be replaced while they work.
///
/// Made by [`deploy_pack`](super::deploy_pack). An answer is of one state of the prices.
#[derive(Clone)]
pub struct PriceBook {
    current: Arc<RwLock<Arc<Prices>>>,
    #[cfg(feature = "refresh")]
    pub(super) refreshing: Option<Arc<Refreshing>>,
}

/// Where prices are refreshed from.
#[cfg(feature = "refresh")]
pub(super) struct Refreshing {
    pub(super) aws: Aws,
    /// One at a time: whoever comes meanwhile waits, and reads again.
    pub(super) turn: tokio::sync::Mutex<()>,
}

impl fmt::Debug for PriceBook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PriceBook").finish_non_exhaustive()
    }
}

impl PriceBook {
    pub(super) fn new(prices: Prices) -> Self {
        Self {
            current: Arc::new(RwLock::new(Arc::new(prices))),
            #[cfg(feature = "refresh")]
            refreshing: None,
        }
    }

    #[cfg(feature = "refresh")]
    pub(super) fn refreshed_by(prices: Prices, aws: Aws) -> Self {
        let refreshing = Refreshing { aws, turn: tokio::sync::Mutex::new(()) };
        Self { refreshing: Some(Arc::new(refreshing)), ..Self::new(prices.refreshable()) }
    }

    pub(super) fn current(&self) -> Arc<Prices> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    #[cfg(feature = "refresh")]
    pub(super) fn replace(&self, prices: Prices) {
        *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(prices);
    }
}
