use std::path::PathBuf;

use mcp_core::{BoxError, SecretSource};

/// How large a file of secrets may be, in bytes.
const MAX_SIZE: u64 = 1024 * 1024;

/// A secret in a file, such as one that Kubernetes, ECS or systemd mounts.
#[derive(Clone, Debug)]
pub struct FileSource {
    path: PathBuf,
}

impl FileSource {
    /// The file at this path. It is not read yet.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self { path: path.into() }
    }
}

#[async_trait::async_trait]
impl SecretSource for FileSource {
    async fn read(&self) -> Result<String, BoxError> {
        let path = self.path.clone();
        let text = tokio::task::spawn_blocking(move || {
            let size = std::fs::metadata(&path)?.len();
            if size > MAX_SIZE {
                return Err(std::io::Error::other(format!("over {MAX_SIZE} bytes")));
            }
            std::fs::read_to_string(&path)
        });
        text.await?.map_err(|error| format!("{}: {error}", self.path.display()).into())
    }
}
