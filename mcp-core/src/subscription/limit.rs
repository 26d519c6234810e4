use tokio::time::Instant;

/// When a `subscriptions/listen` stream ends by itself, gracefully, with its result.
///
/// A binding whose streams cannot go on for ever puts it into the request's extensions. Where the
/// instant has passed already, the subscription is acknowledged and ends at once: a client behind
/// a binding that cannot stream is told no more than what it would hear of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SubscriptionLimit(pub Instant);
