use crate::{BoxError, hook::Hook};

/// A pack's question whether it can serve at the moment, made with
/// [`ToolPack::ready_check`](crate::ToolPack::ready_check).
#[derive(Debug)]
pub struct ReadyCheck(pub(crate) Hook);

impl ReadyCheck {
    /// The pack's name.
    pub fn pack(&self) -> &str {
        self.0.pack()
    }

    /// Asks. The error is for the operator.
    pub fn ask(&self) -> impl Future<Output = Result<(), BoxError>> + Send + 'static {
        self.0.run()
    }
}
