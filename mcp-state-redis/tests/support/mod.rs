//! A real Redis for each test, and replicas that share it.

#![allow(dead_code, reason = "each test binary uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a failure is a failed test")]
#![allow(unreachable_pub, reason = "a test has no public interface")]

use std::{process::Stdio, sync::Arc, time::Duration};

use mcp_core::sessions::SessionStore;
use mcp_stage::{session_store::SessionPlace, within};
use mcp_state_redis::RedisSessionStore;
use tempfile::TempDir;
use tokio::process::{Child, Command};

/// A server of its own, on a socket in a folder of its own, that ends with the test.
pub struct Redis {
    folder: TempDir,
    server: Child,
}

impl Redis {
    /// `None` where there is no Redis, unless nothing may be left out (`CI=true`).
    pub async fn start() -> Option<Self> {
        let found = std::process::Command::new("redis-server").arg("--version").output();
        if found.is_err() {
            assert!(
                std::env::var("CI").as_deref() != Ok("true"),
                "there is no redis-server: install Debian's package of that name"
            );
            eprintln!("SKIPPED: there is no redis-server; `cargo xtask test` installs it");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let server = Self::spawn(&folder);
        let redis = Self { folder, server };
        redis.ready().await;
        Some(redis)
    }

    fn spawn(folder: &TempDir) -> Child {
        Command::new("redis-server")
            .args(["--port", "0", "--save", "", "--appendonly", "no", "--unixsocket"])
            .arg(folder.path().join("redis.sock"))
            .current_dir(folder.path())
            .stdout(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap()
    }

    async fn ready(&self) {
        let store = self.store();
        within(async {
            while store.load("nothing").await.is_err() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
    }

    pub fn store(&self) -> RedisSessionStore {
        let socket = self.folder.path().join("redis.sock");
        RedisSessionStore::new(&format!("unix://{}", socket.display())).unwrap()
    }

    /// Ends the server; what it knew is lost.
    pub async fn stop(&mut self) {
        self.server.kill().await.unwrap();
        let _ = std::fs::remove_file(self.folder.path().join("redis.sock"));
    }

    pub async fn restart(&mut self) {
        self.server = Self::spawn(&self.folder);
        self.ready().await;
    }
}

impl SessionPlace for Redis {
    fn store(&self) -> Arc<dyn SessionStore> {
        Arc::new(Self::store(self))
    }
}
